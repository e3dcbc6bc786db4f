"""Labels beyond the tests: crosschecks passed candidates on more inputs than the tests have.

`crosscheck_problem` derives inputs (`inputs`, `changes`) and runs the passed candidates on them (`questions`,
`run`). The reference decides, under a contract where there is one, else the consensus of independent programs
(`vote`) on inputs like the problem's own (`domain`). `mutants` measures how many small mistakes the tests notice,
`timing` how long right programs take. Not covered: programs on stdin, and tests whose inputs can't be derived.
"""

from pairsmith.pipeline.crosscheck.problem import crosscheck_problem
from pairsmith.pipeline.crosscheck.questions import PassedProgram

__all__ = ["PassedProgram", "crosscheck_problem"]
