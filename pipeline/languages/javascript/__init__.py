"""JavaScript: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.contract import RUNTIME_ROOM, Language
from pairsmith.pipeline.languages.javascript import driver

LANGUAGE = Language(
    name="javascript",
    title="JavaScript",
    tools={"node": ("/usr/local/bin/node",)},
    packages=("nodejs",),
    version=("{node}", "--version"),
    driver=driver,
    run=("{node}", "--max-old-space-size={heap_mib}", "--stack-size={stack_kib}", "driver.js", "{entry_point}"),
    run_program=("{node}", "--max-old-space-size={heap_mib}", "--stack-size={stack_kib}", "solution.js"),
    overhead_mib=48,
    room=RUNTIME_ROOM,
    has_tuples=False,
    has_only_text_keys=True,
)
