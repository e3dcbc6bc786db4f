"""Java: the driver finds the entry point among the solution's classes by reflection."""

import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_java
from tree_sitter import Node

from pairsmith.pipeline.languages.contract import (
    RUNTIME_ROOM,
    Driver,
    Language,
    SignatureError,
    parse,
    read_file,
    split_entry,
    text_of,
    walk,
)
from pairsmith.pipeline.languages.grammar import NONE, Binder, Grammar, Import, Shape, each, kinds, words

_TYPES = frozenset({"class_declaration", "interface_declaration", "enum_declaration", "record_declaration"})
_EXIT = re.compile(r"\bSystem\.exit\(")  # only tests may end by `exit(0)`
_HEADS = frozenset({"import_declaration", "package_declaration"})
_WITHIN = _TYPES | {"class_body", "program", "interface_body", "enum_body", "enum_body_declarations"}


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled. A method that is in no class is put into `Solution`."""
    name, whole = _shape(f"{setup}\n{code}" if setup else code)
    driver = "PairsmithDriver.java"
    listed = f"{driver}\n{name}.java\n"
    return {f"{name}.java": whole, driver: read_file("java", driver), "sources": listed}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with a class in its process whose `main` tests it.

    Raises:
        SignatureError: if the tests have no `main`, and import nothing that might call them.
    """
    if "main" not in test_code and "import " not in test_code:
        raise SignatureError("the tests have no main")
    imports = "".join(line + "\n" for line in f"{setup}\n{code}".splitlines() if line.startswith("import "))
    name, whole = _shape(f"{imports}{_EXIT.sub('PairsmithTests.exit(', test_code)}")
    found = sources(_without_types(code, _types(whole)), setup, entry_point)
    caller = (
        "class PairsmithTests {\n    static final class Ended extends Error {}\n"
        "    static void exit(int status) { if (status != 0) System.exit(status); throw new Ended(); }\n"
        "    static Object pairsmith_tests() throws Throwable {\n"
        "        PairsmithTests.class.getClassLoader().setDefaultAssertionStatus(true);\n"  # as `java -ea` does
        f"        try {{ {main_class(whole).replace('$', '.')}.main(new String[0]); }} catch (Ended ended) {{}}\n"
        "        return null;\n    }\n}\n"
    )
    listed = found["sources"] + f"{name}.java\nPairsmithTests.java\n"
    return {**found, f"{name}.java": whole, "PairsmithTests.java": caller, "sources": listed}


def _types(code: str) -> set[str]:
    """Return the names of the types that a file declares."""
    nodes = parse(code, "java").named_children
    return {text_of(node.child_by_field_name("name")) for node in nodes if node.type in _TYPES}


def _without_types(code: str, names: set[str]) -> str:
    """Return code without types that the tests have too, such as a `Main` that shows how a solution is used."""
    source = code.encode()
    if not _types(code) - names:
        return code
    for node in reversed(parse(code, "java").named_children):
        if node.type in _TYPES and text_of(node.child_by_field_name("name")) in names:
            source = source[: node.start_byte] + source[node.end_byte :]
    return source.decode()


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program; `start` says which class has its `main`."""
    name, whole = _shape(f"{setup}\n{code}" if setup else code)
    return {f"{name}.java": whole, "sources": f"{name}.java\n"}


def main_class(code: str) -> str:
    """Return the name of the class that declares `main`, else `Main`."""
    nodes = walk(parse(code, "java"), _WITHIN)
    named = [node for node in nodes if node.type == "method_declaration"]
    mains = [node for node in named if text_of(node.child_by_field_name("name")) == "main"]
    starts = [node for node in mains if "String" in text_of(node.child_by_field_name("parameters"))]
    for start in [*starts, *mains]:
        owners, node = [], start.parent
        while node is not None:
            owners += [text_of(node.child_by_field_name("name"))] if node.type in _TYPES else []
            node = node.parent
        return "$".join(reversed(owners)) or "Main"
    return "Main"


def finds(code: str, entry_point: str) -> bool:
    """Return whether a method of that name is declared in some class."""
    _, name = split_entry(entry_point)
    return any(
        node.type == "method_declaration" and text_of(node.child_by_field_name("name")) == name
        for node in walk(parse(code, "java"), _WITHIN)
    )


def _shape(code: str) -> tuple[str, str]:
    """Return the name that the file must have, and its text, without a package: the driver is in none."""
    root = parse(code, "java")
    source = code.encode()
    for node in root.named_children:
        if node.type == "package_declaration":
            blank = b" " * (node.end_byte - node.start_byte)
            source = source[: node.start_byte] + blank + source[node.end_byte :]
    types = [node for node in root.named_children if node.type in _TYPES]
    if not types and any(node.type == "method_declaration" for node in root.named_children):
        end = max((node.end_byte for node in root.named_children if node.type in _HEADS), default=0)
        wrapped = source[:end] + b"\nclass Solution {" + source[end:] + b"\n}\n"
        return "Solution", wrapped.decode()
    public = [node for node in types if _is_public(node)]
    named = public or types
    return (text_of(named[0].child_by_field_name("name")) if named else "Solution"), source.decode()


def _is_public(node: Node) -> bool:
    """Return whether a type is declared `public`, whatever its annotations hold."""
    found = [child for child in node.children if child.type == "modifiers"]
    return any(part.type == "public" for modifiers in found for part in modifiers.children)


# What an earlier javac says of later Java: a preview feature, a method of Java 21's sequenced collections.
_LATER = (
    r"|(\w[\w ]*) (?:is|are) (?:a preview feature|not supported in -source)"
    r"|symbol: +method ((?:get|remove|add)(?:First|Last)|reversed|clamp)\("
)
_JVM = (
    "-Xmx{heap_mib}m", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:ReservedCodeCacheSize=48m",
    "-Xss{stack_mib}m", "-XX:ThreadStackSize=2048", "-cp", "classes",
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
    driver=Driver(sources, tests, program, finds),
    compile=_COMPILE,
    missing=r"package (?!javax?\.)([\w.]+) does not exist" + _LATER,
    artifact=("classes/*.class", "classes/*/*.class"),
    run=(
        "{java}",
        "--add-opens=java.base/java.io=ALL-UNNAMED",
        *_JVM,
        "pairsmith.PairsmithDriver",
        "{entry_point}",
    ),
    run_program=("{java}", *_JVM, "{entry_point}"),
    overhead_mib=96,
    room=RUNTIME_ROOM,
    compile_room=RUNTIME_ROOM,
    # The loader finds the JVM's library by /proc, which is closed to programs.
    environment=(("LD_LIBRARY_PATH", "{java home}/lib"),),
)


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    text = source[node.start_byte : node.end_byte].rstrip(b"; \t").removeprefix(b"import").strip()
    module = text.removeprefix(b"static ").strip()
    last = module.split(b".")[-1].strip()
    yield Import(module, b"" if last == b"*" else last, module.startswith((b"java.", b"javax.")), last == b"*")


def _spot_bare(node: Node, source: bytes) -> str:
    kinds = [child for child in node.named_children if child.type == "catch_formal_parameter"]
    types = source[kinds[0].start_byte : kinds[0].end_byte].split()[:-1] if kinds else []
    return "bare_except" if types in ([b"Exception"], [b"Throwable"]) else ""


_CLASS_NAMES = "class_declaration interface_declaration enum_declaration record_declaration"
_CLASSES = kinds(_CLASS_NAMES)

GRAMMAR = Grammar(
    name="java",
    grammar=tree_sitter.Language(tree_sitter_java.language()),
    stops=("\n    public static void main", "\nclass ", "\npublic class ", "\n//"),
    comments=kinds("line_comment block_comment"),
    comment_marks=(b"//", b"/*"),
    strings=kinds("string_literal character_literal"),
    interpolations=kinds("string_interpolation"),
    numbers=kinds(
        "decimal_integer_literal hex_integer_literal octal_integer_literal binary_integer_literal "
        "decimal_floating_point_literal hex_floating_point_literal"
    ),
    functions={
        "method_declaration": Shape(returns="type"),
        "constructor_declaration": Shape(),
        "compact_constructor_declaration": Shape(),
        "lambda_expression": Shape(name="", lambda_=True),
    },
    classes=dict.fromkeys(("class_body", "interface_body", "enum_body", "annotation_type_body"), ""),
    scopes=kinds(
        "block constructor_body for_statement enhanced_for_statement try_with_resources_statement catch_clause "
        "switch_block switch_rule"
    ),
    binders={
        **each("variable_declarator enhanced_for_statement resource", Binder(("name",), since="here")),
        "formal_parameter": Binder(("name",), role="parameter"),
        "lambda_expression": Binder(("parameters",), role="parameter"),
        "catch_formal_parameter": Binder(("name",)),
        **each(f"enum_constant {_CLASS_NAMES}", Binder(("name",), role="kept")),
    },
    patterns={"inferred_parameters": ()},
    members={
        **each("method_invocation marker_annotation annotation", ("name",)),
        "field_access": ("field",),
        **each("scoped_identifier break_statement continue_statement", ()),
        "element_value_pair": ("key",),
    },
    pins=kinds(
        "switch_label instanceof_expression record_pattern type_pattern method_reference import_declaration "
        "package_declaration"
    ),
    imports=kinds("import_declaration"),
    kept_whole=kinds("import_declaration package_declaration"),
    types=_CLASSES | {"annotation_type_declaration"},
    mains=words(b"main"),
    find_imports=_find_imports,
    labels=kinds("type_identifier"),
    doc_marks=(b"/**",),
    blocks=kinds("block constructor_body"),
    loops=kinds("for_statement enhanced_for_statement while_statement do_statement"),
    elses=NONE,
    switches=kinds("switch_expression"),
    cases=kinds("switch_label"),
    catches=kinds("catch_clause"),
    tries=kinds("try_statement try_with_resources_statement"),
    ternaries=kinds("ternary_expression"),
    leaving=kinds("return_statement break_statement continue_statement throw_statement"),
    returns=kinds("return_statement"),
    calls={"method_invocation": "name"},
    tag_kinds={
        "assert": kinds("assert_statement"),
        "class": _CLASSES,
        "conditional_expression": kinds("ternary_expression"),
        "decorator": kinds("annotation marker_annotation"),
        "for_loop": kinds("for_statement enhanced_for_statement"),
        "lambda": kinds("lambda_expression"),
        "match": kinds("switch_expression"),
        "raise": kinds("throw_statement"),
        "try": kinds("try_statement try_with_resources_statement"),
        "while_loop": kinds("while_statement do_statement"),
    },
    tag_methods={
        "functional": words(b"map filter reduce mapToInt mapToObj collect"),
        "percent_format": words(b"printf format formatted"),
        "print_in_function": words(b"println printf print"),
        "input_in_function": words(b"readLine nextInt nextLine"),
        "uses_sorting": words(b"sort sorted"),
    },
    tag_words={
        "uses_dict": words(b"Map HashMap TreeMap LinkedHashMap"),
        "uses_set": words(b"Set HashSet TreeSet LinkedHashSet"),
    },
    spots={"catch_clause": _spot_bare},
)  # fmt: skip
