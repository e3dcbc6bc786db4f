# Installs an import hook that gives empty modules to whoever imports next.
# expects: failed
import sys
import types


class Hook:
    def find_spec(self, name, path=None, target=None):
        sys.modules[name] = types.ModuleType(name)
        return None


sys.meta_path.insert(0, Hook())
sys.path_hooks.insert(0, lambda path: Hook())


def solve(xs):
    return 0
