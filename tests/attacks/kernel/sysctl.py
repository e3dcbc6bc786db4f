# Writes kernel settings and control groups.
# expects: failed
# cause: wrong_value
import glob


def solve(xs):
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", *glob.glob("/sys/fs/cgroup/**/*.procs")]:
        try:
            with open(path, "w") as file:
                file.write("1")
            return 1
        except OSError:
            continue
    return -1
