"""What runs inside a sandbox: standard library only, Python 3.9 upwards, sent in as source at start.

Three kinds of process, so that no program ever descends from a process that has seen another program's data:

    supervisor  first to start; talks to the host, feeds inputs, collects answers, keeps the clock
    zygote      its child, forked before any job is read; a warm interpreter that forks programs, and limits, ends,
                cleans up behind and reports on them (`cell`); it reads nothing but orders of limits
    program     forked by the zygote: runs the candidate's code, reads inputs, writes values

A program is isolated in one of two ways. `namespaces` (bubblewrap): user, pid, mount and ipc namespaces of its
own under its own init, a fresh /tmp and /dev/shm, all capabilities gone. `uids` (Docker, whose seccomp profile
forbids new namespaces): a user id of its own that no other program of the sandbox ever had; afterwards everything
that this user runs is killed and everything that it left is deleted. In both no program can enter /proc, and both
then set no_new_privs, resource limits and a seccomp filter (`lockdown`). The process of the next program is
forked and locked down as soon as the last one is gone, and waits; nothing has been read in it by then. A process
that ends before it says that it is ready has run no program: the sandbox is at fault.

The wall clock of a program stops while it is ready to run but gets no processor (the kernel counts that), so that
a busy machine makes no timeouts.

A program on stdin and stdout runs once for each input (`stdin`): the process that the zygote forked runs none of
its code then, but forks a child for each input, reads what it prints, and ends what it left running.

A program can forge only its own answer. Each input carries a nonce that its answer must repeat, and what is on
the answering pipe beside that is `forged`, up to the moment when the program is dead: at the end its inputs are
closed and it is given a moment to say what it still has to say. The supervisor passes on nothing but plain text
of bounded length, so no answer can look like a broken sandbox. When memory runs out the kernel takes programs
first, zygote and supervisor last.

The memory of a sandbox's processes together is limited by a control group: always under Docker, under bubblewrap
where the user may make one (`pipeline.sandbox.memory`); else each process is limited alone, and a program may
use its limit times its number of processes, and kernel memory (socket buffers) beside. `pairsmith sandbox check`
says which, and tries the attack corpus.

Not covered: bugs of the kernel that the filter lets through; timing channels, and one bit at a time through
ports of the sandbox's own loopback, between programs; reading what the image, or under bubblewrap the host's
/usr, shows to everybody (installed packages are hidden under bubblewrap; a Docker image must hold no solutions);
exhausting what the kernel counts by user (inotify instances, pseudo-terminals) while a program runs; the
processor time of children whose parent ignores SIGCHLD (wall time limits them).
"""
