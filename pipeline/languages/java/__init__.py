"""Java: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.contract import RUNTIME_ROOM, Language
from pairsmith.pipeline.languages.java import driver

_JVM = (
    "{java}", "-Xmx{heap_mib}m", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:-UsePerfData",
    "-XX:ReservedCodeCacheSize=48m", "-Xss{stack_mib}m", "-XX:ThreadStackSize=2048",
)  # fmt: skip

_COMPILE = (
    (
        "{javac}", "-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-J-Xmx512m", "-proc:none", "-nowarn",
        "-encoding", "UTF-8", "-d", "classes", "@sources",
    ),
)  # fmt: skip

LANGUAGE = Language(
    name="java",
    title="Java",
    tools={
        "javac": ("/usr/lib/jvm/*/bin/javac", "/opt/java/*/bin/javac"),
        "java": ("/usr/lib/jvm/*/bin/java", "/opt/java/*/bin/java"),
    },
    packages=("default-jdk-headless",),
    version=("{javac}", "--version"),
    driver=driver,
    compile=_COMPILE,
    missing=r"package (?!javax?\.)([\w.]+) does not exist",
    artifact=("classes/*.class", "classes/*/*.class"),
    run=(
        *_JVM,
        "--add-opens=java.base/java.io=ALL-UNNAMED",
        "-cp",
        "classes",
        "PairsmithDriver",
        "{entry_point}",
    ),
    run_program=(*_JVM, "-cp", "classes", "{entry_point}"),
    overhead_mib=96,
    room=RUNTIME_ROOM,
    compile_room=RUNTIME_ROOM,
    has_tuples=False,
    # The loader finds the JVM's library by /proc, which is closed to programs.
    environment=(("LD_LIBRARY_PATH", "{java home}/lib"),),
)
