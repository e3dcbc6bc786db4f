# Leaves with exit code 0 while it is loaded, before any test can run.
# expects: failed
# cause: exited
import sys

sys.exit(0)
