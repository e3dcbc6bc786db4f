# Becomes root by system calls and by set-user-id programs.
# expects: failed
# cause: wrong_value
import os
import subprocess


def solve(xs):
    for change in (os.setuid, os.seteuid, os.setgid):
        try:
            change(0)
            return 1
        except OSError:
            continue
    for tool in ("/bin/su", "/usr/bin/sudo", "/usr/bin/newgrp", "/usr/bin/passwd"):
        try:
            if subprocess.run([tool], stdin=subprocess.DEVNULL, capture_output=True, timeout=2).returncode == 0:
                return 1
        except (OSError, subprocess.SubprocessError):
            continue
    return -1
