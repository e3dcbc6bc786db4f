"""Java: the driver finds the entry point among the solution's classes by reflection."""

from pairsmith.pipeline.languages.reading import parse, read_source, split_entry, text_of, walk

_TYPES = frozenset({"class_declaration", "interface_declaration", "enum_declaration", "record_declaration"})
_HEADS = frozenset({"import_declaration", "package_declaration"})
_WITHIN = _TYPES | {"class_body", "program", "interface_body", "enum_body", "enum_body_declarations"}


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled. A method that stands in no class is put into `Solution`."""
    name, whole = _shape(f"{setup}\n{code}" if setup else code)
    driver = "PairsmithDriver.java"
    listed = f"{driver}\n{name}.java\n"
    return {f"{name}.java": whole, driver: read_source("java", driver), "sources": listed}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with a class in its process whose `main` tests it."""
    found = sources(code, setup, entry_point)
    imports = "".join(line + "\n" for line in f"{setup}\n{code}".splitlines() if line.startswith("import "))
    name, whole = _shape(f"{imports}{test_code}")
    caller = (
        f"class PairsmithTests {{ static Object pairsmith_tests() throws Throwable "
        f"{{ {name}.main(new String[0]); return null; }} }}\n"
    )
    listed = found["sources"] + f"{name}.java\nPairsmithTests.java\n"
    return {**found, f"{name}.java": whole, "PairsmithTests.java": caller, "sources": listed}


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program; `start` says which class has its `main`."""
    name, whole = _shape(f"{setup}\n{code}" if setup else code)
    return {f"{name}.java": whole, "sources": f"{name}.java\n"}


def main_class(code: str) -> str:
    """Return the name of the class that declares `main`, else `Main`."""
    for node in walk(parse(code, "java"), _WITHIN):
        if node.type == "method_declaration" and text_of(node.child_by_field_name("name")) == "main":
            owner = node.parent.parent if node.parent is not None else None
            return text_of(owner.child_by_field_name("name")) if owner is not None else "Main"
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
    public = [node for node in types if "public" in text_of(node).split("{")[0].split()]
    named = public or types
    return (text_of(named[0].child_by_field_name("name")) if named else "Solution"), source.decode()
