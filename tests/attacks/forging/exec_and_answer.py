# Replaces itself by a fresh interpreter that answers on the open descriptors.
# expects: failed
import os


def solve(xs):
    code = "import os\nfor fd in range(3, 256):\n  try: os.write(fd, b'\\0\\0\\0\\x12' + b'\\0' * 16 + b'V0')\n"
    code += "  except OSError: pass\n"
    os.execv("/usr/bin/python3", ["python3", "-S", "-c", code])
