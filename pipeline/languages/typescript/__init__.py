"""TypeScript: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.contract import RUNTIME_ROOM, Language
from pairsmith.pipeline.languages.typescript import driver

_COMPILE = (
    (
        "{node}", "{tsc}", "--target", "es2022", "--module", "commonjs", "--lib", "es2022",
        "--esModuleInterop", "--noEmitOnError", "--skipLibCheck", "--pretty", "false", "node.d.ts",
        "solution.ts",
    ),
)  # fmt: skip

LANGUAGE = Language(
    name="typescript",
    title="TypeScript",
    tools={"node": ("/usr/local/bin/node",), "tsc": ("/usr/share/nodejs/typescript/bin/tsc",)},
    packages=("nodejs", "node-typescript"),
    version=("{node}", "{tsc}", "--version"),
    driver=driver,
    compile=_COMPILE,
    artifact=("solution.js", "driver.js"),
    run=("{node}", "--max-old-space-size={heap_mib}", "--stack-size={stack_kib}", "driver.js", "{entry_point}"),
    run_program=("{node}", "--max-old-space-size={heap_mib}", "--stack-size={stack_kib}", "solution.js"),
    overhead_mib=48,
    room=RUNTIME_ROOM,
    compile_room=RUNTIME_ROOM,
    has_tuples=False,
    has_only_text_keys=True,
)
