# Reads the password hashes.
# expects: failed
# cause: wrong_value
def solve(xs):
    for path in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_rsa_key"):
        try:
            with open(path) as file:
                return len(file.read())
        except OSError:
            continue
    return -1
