# Opens raw memory and disks, and makes device nodes.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    for path in ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/fuse", "/dev/kvm"):
        try:
            with open(path, "rb") as file:
                return len(file.read(1))
        except OSError:
            continue
    try:
        os.mknod("/tmp/disk", 0o60600, os.makedev(254, 0))
    except OSError:
        return -1
    return -2
