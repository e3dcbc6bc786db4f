# Looks for keys and tokens in home folders.
# expects: failed
# cause: wrong_value
import glob
import os


def solve(xs):
    names = (".ssh/id_*", ".aws/*", ".netrc", ".cache/huggingface/token", ".config/*", ".git-credentials")
    for home in ("/root", "/home/*", os.path.expanduser("~"), "/Users/*"):
        for name in names:
            if glob.glob(os.path.join(home, name)):
                return 1
    return -1
