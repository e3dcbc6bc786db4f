# Gives a file to root with the set-user-id bit, and takes the system's files.
# expects: failed
# cause: wrong_value
import os
import shutil


def solve(xs):
    shutil.copyfile("/bin/true", "/tmp/tool")
    for path in ("/tmp/tool", "/bin/true", "/etc/passwd"):
        for owner in (0, 65534):
            try:
                os.chown(path, owner, owner)
                return 1
            except OSError:
                continue
    os.chmod("/tmp/tool", 0o6755)
    return -1
