# Burns processor time while it is loaded.
# expects: failed
# cause: timeout
while True:
    pass
