"""Go: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.contract import RUNTIME_ROOM, Language
from pairsmith.pipeline.languages.go import driver

LANGUAGE = Language(
    name="go",
    title="Go",
    tools={"go": ("/usr/local/go/bin/go", "/usr/lib/go-*/bin/go")},
    packages=("golang-go",),
    version=("{go}", "version"),
    driver=driver,
    compile=(("/bin/sh", "build.sh", "{go}"),),
    missing=r'(?:could not import|cannot find package|can.t find import:|package) "?(\w+\.\w[\w./-]*)',
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    room=RUNTIME_ROOM,
    compile_room=RUNTIME_ROOM,
    environment=(("GOTRACEBACK", "none"), ("GOMAXPROCS", "2")),
)
