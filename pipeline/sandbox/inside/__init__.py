"""What runs inside a sandbox: standard library only, Python 3.9 upwards, sent in as source at start.

Three kinds of process, so that no program ever descends from a process that has seen another program's data:

    zygote      first to start; a warm interpreter that forks cells and never reads a job
    supervisor  its child; talks to the host, feeds inputs, collects answers, keeps the clock
    cell        forked by the zygote for one program; isolates it, limits it, kills it, reports on it
    program     forked by the cell: runs the candidate's code, reads inputs, writes values

A cell isolates its program in one of two ways. `namespaces` (bubblewrap): user, pid, mount and ipc namespaces of
its own, a fresh /tmp and /dev/shm, no /proc, all capabilities gone. `uids` (Docker, whose seccomp profile forbids
new namespaces): a user id of its own that no other program of the sandbox ever had; afterwards everything that
this user runs is killed and everything that it left is deleted. Both then set no_new_privs, resource limits and a
seccomp filter (`lockdown`).

Not covered: bugs of the kernel that the filter lets through, timing channels between programs that run at the
same time on one machine, and the memory of a tree of processes (each process is limited; the sandbox as a whole
only under Docker).
"""
