# Mounts and unmounts, by the old calls and the new.
# expects: failed
# cause: wrong_value
import ctypes


def solve(xs):
    libc = ctypes.CDLL(None)
    made = [libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None), libc.umount2(b"/tmp", 2), libc.umount2(b"/proc", 2)]
    made += [libc.syscall(430, b"tmpfs", 0), libc.syscall(428, -100, b"/", 1), libc.chroot(b"/tmp")]
    return -1 if all(value == -1 for value in made) else 1
