"""Bash: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.bash import driver
from pairsmith.pipeline.languages.contract import Language

LANGUAGE = Language(
    name="bash",
    title="Bash",
    tools={"bash": ()},
    packages=("bash",),
    version=("{bash}", "--version"),
    driver=driver,
    run=("{bash}", "driver.sh", "{entry_point}"),
    run_program=("{bash}", "solution.sh"),
    has_tuples=False,
    speaks_words=True,
)
