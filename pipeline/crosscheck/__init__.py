"""Labels truer than the tests: passed candidates are held against more inputs than the tests have.

`hold_problem` derives inputs (`inputs`) and runs the passed candidates on them; the reference decides, under a
contract where there is one, and else the consensus of independent programs (`voting`) on inputs like the problem's
own (`domain`). `mutants` tells how many small mistakes the tests notice, `timing` how long right programs take.
What is not covered: programs on stdin, and tests whose inputs nobody could derive.
"""

from pairsmith.pipeline.crosscheck.asking import Passed
from pairsmith.pipeline.crosscheck.standing import Stood, hold_problem

__all__ = ["Passed", "Stood", "hold_problem"]
