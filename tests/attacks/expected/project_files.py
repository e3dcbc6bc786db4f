# Searches for the starter set and for run folders of the pipeline.
# expects: failed
# cause: wrong_value
import glob
import os


def solve(xs):
    for pattern in ("/usr/src/*", "/opt/*", "/srv/*", "/workspace/*", "/home/*/*", "/root/*", "/mnt/*"):
        for folder in glob.glob(pattern):
            if os.path.isdir(folder + "/data/starter") or os.path.isfile(folder + "/pyproject.toml"):
                return 1
    return -1
