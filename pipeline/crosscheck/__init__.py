"""Labels beyond the tests: crosschecks passed candidates on more inputs than the tests have.

`problem.crosscheck_problem` derives inputs (`inputs`, `mutations`) and runs the passed candidates on them
(`questions`, `run`). The reference decides, under a contract where there is one, else the consensus of independent
programs (`vote`) on inputs like the problem's own (`domain`). `mutations` measures how many small mistakes the
tests notice, `timing` how long right programs take. Not covered: programs on stdin, and tests whose inputs can't
be derived.
"""
