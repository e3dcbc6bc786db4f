"""C: the signature, read by tree-sitter, says what each parameter is; a driver is generated for it.

    int, long, size_t, uint8_t, bool, double, ...    numbers and truth values; `char` is a text of one letter
    char *, const char *                             text; NULL is None
    T *xs, int n                                     a list of T, and its length right behind it
    T **xs, int n, int *n_each                       a list of lists, how many, and the length of each
    char **xs, int n                                 a list of texts
    int *returnSize                                  last, where a list is returned: its length
    int *returnSize, int **returnColumnSizes         for `T **`: how many lists, and the length of each
    void f(T *xs, int n, ...), void f(char *s)       gives what its first list or text holds afterwards

These are LeetCode's conventions. `T *` and `T **` are copies of the program's own; nothing is freed.
"""

from dataclasses import dataclass

from tree_sitter import Node

from pairsmith.pipeline.languages.c.family import (
    ASSERTS,
    CHECKED,
    EXITS,
    FILLED_MEMORY,
    HARDENED,
    STACKS,
    declared_name,
    include_solution,
    without_solution,
)
from pairsmith.pipeline.languages.c.family import GRAMMAR as GRAMMAR
from pairsmith.pipeline.languages.contract import (
    Driver,
    Language,
    SignatureError,
    parse,
    read_file,
    text_of,
    walk,
)

_ENTRY = "int __wrap_main(void) { return ps_serve(ps_call); }\n"  # see `family.ENTRY`
_QUALIFIERS = frozenset({"const", "volatile", "restrict", "static", "inline", "extern", "register", "_Noreturn"})
_TRUTHS = frozenset({"bool", "_Bool"})
_REALS = frozenset({"float", "double", "long double"})
# Beside them every name made of these words, or ending in `_t`, is an integer.
_WORDS = frozenset({"int", "long", "short", "unsigned", "signed", "char"})


@dataclass(frozen=True, slots=True)
class _Typed:
    """A parameter or a result: the name of its type without qualifiers, and how many pointers deep."""

    kind: str
    depth: int
    name: str = ""
    is_const: bool = False

    @property
    def is_integer(self) -> bool:
        """Whether it is a plain integer."""
        words = self.kind.split()
        is_named = self.kind.endswith("_t") or all(word in _WORDS for word in words)
        return self.depth == 0 and is_named and self.kind not in _TRUTHS | {"char"}


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled."""
    whole = f"{setup}\n{code}"
    body = _call(entry_point, *_signature(code, entry_point))
    main = (
        f'{include_solution("solution.c", whole)}#include "driver.h"\n'
        f"static void ps_call(const ps_json *a) {{\n{body}}}\n{_ENTRY}{STACKS}"
    )
    return {"solution.c": whole, "driver.h": read_file("c", "driver.h"), "main.c": main}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with tests in its process, whose `main` the driver calls as a function.

    Raises:
        SignatureError: if the tests have none, and include nothing that might bring one.
    """
    if "main" not in test_code and "#include" not in test_code:
        raise SignatureError("the tests have no main")
    included = include_solution("solution.c", f"{setup}\n{code}")
    main = (
        f'{included}{ASSERTS}{EXITS}#include "tests.c"\n#undef exit\n#include "driver.h"\n'
        "int __real_main(int, char **, char **);\nextern char **environ;\n"
        "static void ps_call(const ps_json *a) {\n    (void)a;\n"
        '    if (!setjmp(pairsmith_end) && __real_main(1, environ, environ)) abort();\n    ps_say("null");\n}\n'
        f"{_ENTRY}{STACKS}"
    )
    whole = {"solution.c": f"{setup}\n{code}", "tests.c": without_solution(test_code, entry_point)}
    return {**whole, "driver.h": read_file("c", "driver.h"), "main.c": main}


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program, which has a `main` of its own."""
    start = "int __real_main(int, char **, char **);\nint __wrap_main(int n, char **a, char **e)"
    return {
        "solution.c": f"{setup}\n{code}",
        "main.c": f'#include "solution.c"\n{start} {{ return __real_main(n, a, e); }}\n{STACKS}',
    }


def finds(code: str, entry_point: str) -> bool:
    """Return whether a function of that name is defined."""
    return _find(code, entry_point) is not None


def _find(code: str, entry_point: str) -> Node | None:
    for node in walk(parse(code, "c"), frozenset({"preproc_ifdef", "preproc_if"})):
        if node.type == "function_definition" and declared_name(node) == entry_point:
            return node
    return None


def _signature(code: str, entry_point: str) -> tuple[_Typed, list[_Typed]]:
    node = _find(code, entry_point)
    if node is None:
        raise SignatureError(f"no function {entry_point}")
    declarator = node.child_by_field_name("declarator")
    depth = 0
    while declarator is not None and declarator.type != "function_declarator":
        depth += declarator.type == "pointer_declarator"
        declarator = declarator.child_by_field_name("declarator")
    listed = declarator.child_by_field_name("parameters") if declarator is not None else None
    names = _types(code)
    parameters = [
        _parameter(part, names)
        for part in (listed.named_children if listed is not None else [])
        if part.type != "comment"
    ]
    if len(parameters) == 1 and parameters[0] == _Typed("void", 0):
        parameters = []
    return _Typed(_kind(node, names), depth), parameters


def _types(code: str) -> dict[str, str]:
    """Return the names that `typedef` and `#define` give to types, and what they stand for."""
    names = {}
    for node in parse(code, "c").named_children:
        if node.type == "type_definition":
            names[text_of(node.child_by_field_name("declarator"))] = text_of(node.child_by_field_name("type"))
        elif node.type == "preproc_def":
            names[text_of(node.child_by_field_name("name"))] = text_of(node.child_by_field_name("value"))
    return names


def _kind(node: Node, names: dict[str, str]) -> str:
    names = dict(names)  # each name once: `typedef struct p p`
    words = text_of(node.child_by_field_name("type")).split()
    kind = " ".join(word for word in words if word not in _QUALIFIERS)
    while kind in names:
        kind = names.pop(kind)
    return kind


def _parameter(node: Node, names: dict[str, str]) -> _Typed:
    declarator = node.child_by_field_name("declarator")
    depth = 0
    while declarator is not None and declarator.type != "identifier":
        depth += declarator.type in ("pointer_declarator", "array_declarator", "abstract_pointer_declarator")
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator.type.startswith("abstract"):
            break
        declarator = inner
    name = text_of(declarator) if declarator is not None and declarator.type == "identifier" else ""
    is_kept = any(child.type == "type_qualifier" and text_of(child) == "const" for child in node.children)
    return _Typed(_kind(node, names), depth, name, is_kept)


def _read(kind: str, source: str) -> str:
    if kind in _TRUTHS:
        return f"ps_truth({source})"
    if kind == "char":
        return f"ps_letter({source})"
    if kind in _REALS:
        return f"({kind})ps_real({source})"
    if _Typed(kind, 0).is_integer:
        # The least and the most of an integer type, by its size and sign.
        least = f"(({kind})-1 < ({kind})0 ? -((__int128)1 << (8 * sizeof({kind}) - 1)) : 0)"
        most = f"(((__int128)1 << (8 * sizeof({kind}) - (({kind})-1 < ({kind})0))) - 1)"
        return f"({kind})ps_between({source}, {least}, {most})"
    raise SignatureError(f"no value can be a {kind}")


def _show(kind: str, source: str) -> str:
    if kind in _TRUTHS:
        return f"ps_say_truth({source});"
    if kind == "char":
        return f"ps_say_letter({source});"
    if kind in _REALS:
        return f"ps_say_real((double)({source}), {int(kind == 'float')});"
    if _Typed(kind, 0).is_integer:
        return f"ps_say_whole((__int128)({source}));"
    raise SignatureError(f"a {kind} is no value")


def _show_list(kind: str, depth: int, source: str, length: str, lengths: str = "", index: str = "i") -> str:
    """Return statements that write a list of `length` items; `lengths` holds those of the lists in it."""
    item = f"{source}[{index}]"
    if kind == "char" and depth == 2:
        inner = f"ps_say_text({item});"
    elif depth == 2:
        inner = _show_list(kind, 1, item, f"{lengths}[{index}]", index="j")
    else:
        inner = _show(kind, item)
    return (
        f'ps_say("["); for (long {index} = 0; {index} < (long)({length}); {index}++) '
        f'{{ if ({index}) ps_say(","); {inner} }} ps_say("]");'
    )


class _Caller:
    """Writes the body that reads the arguments, calls, and writes the value."""

    def __init__(self, result: _Typed, parameters: list[_Typed]) -> None:
        self.result, self.parameters = result, parameters
        self.lines: list[str] = []
        self.given: list[str] = []
        self.n_inputs = 0
        self.first_list: tuple[_Typed, str] | None = None
        self.first_text: str | None = None
        self.outs = self._count_outs()

    def _count_outs(self) -> int:
        """Return how many parameters at the end are lengths of what is returned."""
        is_list = self.result.depth == 2 or (self.result.depth == 1 and self.result.kind not in ("char", "void"))
        if not is_list:
            return 0
        last = (
            self.parameters[-2:] if self.result.depth == 2 and self.result.kind != "char" else self.parameters[-1:]
        )
        depths = [1, 2] if len(last) == 2 else [1]
        if [part.depth for part in last] != depths or not all(_Typed(part.kind, 0).is_integer for part in last):
            raise SignatureError("a list is returned without `int *returnSize` as the last parameter")
        return len(last)

    def read_all(self) -> None:
        """Read every parameter but the outs; a list takes the parameters that say its lengths with it."""
        waiting = list(self.parameters[: len(self.parameters) - self.outs])
        while waiting:
            part = waiting.pop(0)
            source, name = f"&a->parts[{self.n_inputs}]", f"v{len(self.given)}"
            self.n_inputs += 1
            if part.depth == 0:
                self._let(f"{part.kind} {name} = {_read(part.kind, source)};", name)
            elif part.depth == 1 and part.kind == "char":
                self._let(f"char *{name} = ps_text({source});", name)
                if not part.is_const and self.first_text is None:
                    self.first_text = name
            elif part.depth <= 2:
                self._read_list(part, source, name, waiting)
            else:
                raise SignatureError(f"{part.kind} {'*' * part.depth} as a parameter")

    def _read_list(self, part: _Typed, source: str, name: str, waiting: list[_Typed]) -> None:
        kind, is_deep = part.kind, part.depth == 2 and part.kind != "char"
        stars = "*" * (part.depth - 1)
        self._let(f"const ps_json *l{name} = ps_list({source});", name)
        self.lines.append(f"{kind} *{stars}{name} = ps_array(l{name}->n * sizeof *{name});")
        if is_deep:
            self.lines.append(f"int *n{name} = ps_array(l{name}->n * sizeof(int));")
        item = f"&l{name}->parts[i]"
        if is_deep:
            row = (
                f"const ps_json *r = ps_list({item}); n{name}[i] = (int)r->n; "
                f"{name}[i] = ps_array(r->n * sizeof({kind})); "
                f"for (size_t j = 0; j < r->n; j++) {name}[i][j] = {_read(kind, '&r->parts[j]')};"
            )
        elif part.depth == 2:
            row = f"{name}[i] = ps_text({item});"
        else:
            row = f"{name}[i] = {_read(kind, item)};"
        self.lines.append(f"for (size_t i = 0; i < l{name}->n; i++) {{ {row} }}")
        if waiting and waiting[0].is_integer:
            length = waiting.pop(0)
            self.given.append(f"({length.kind})l{name}->n")
            if is_deep and waiting and waiting[0].depth == 1 and _Typed(waiting[0].kind, 0).is_integer:
                waiting.pop(0)
                self.given.append(f"n{name}")
        if self.first_list is None:
            self.first_list = part, name

    def _let(self, line: str, name: str) -> None:
        self.lines.append(line)
        self.given.append(name)

    def call(self, entry_point: str) -> None:
        """Write the call, and what writes its value."""
        result, outs = self.result, self.parameters[len(self.parameters) - self.outs :]
        if outs:
            self.lines.append(f"{outs[0].kind} n_out = 0x5A5A5A5A;")  # what is not set is no length
            self.given.append("&n_out")
        if len(outs) == 2:
            self.lines.append(f"{outs[1].kind} *n_each = NULL;")
            self.given.append("&n_each")
        call = f"{entry_point}({', '.join(self.given)})"
        if result == _Typed("void", 0):
            self.lines.append(f"{call};")
            self.lines.append(self._show_first())
        elif result.depth == 0:
            self.lines.append(f"{result.kind} out = {call}; {_show(result.kind, 'out')}")
        elif result.depth == 1 and result.kind == "char":
            self.lines.append(f"const char *out = {call}; ps_say_text(out);")
        else:
            stars = "*" * result.depth
            shown = _show_list(result.kind, result.depth, "out", "n_out", "n_each")
            self.lines.append(f"{result.kind} {stars}out = ({result.kind} {stars}){call}; {shown}")

    def _show_first(self) -> str:
        if self.first_list is None:
            return f"ps_say_text({self.first_text});" if self.first_text else 'ps_say("null");'
        part, name = self.first_list
        return _show_list(part.kind, part.depth, name, f"l{name}->n", f"n{name}")


def _call(entry_point: str, result: _Typed, parameters: list[_Typed]) -> str:
    caller = _Caller(result, parameters)
    caller.read_all()
    caller.call(entry_point)
    check = f"    if (a->n != {caller.n_inputs}) ps_refuse();\n"
    return check + "".join(f"    {line}\n" for line in caller.lines)


LANGUAGE = Language(
    name="c",
    title="C",
    tools={"gcc": ()},
    packages=("gcc", "libc6-dev"),
    version=("{gcc}", "--version"),
    driver=Driver(sources, tests, program, finds),
    compile=((*HARDENED, "{gcc}", "-std=gnu17", *CHECKED, "main.c", "-lm"),),
    missing=r"fatal error: ([\w+-][\w./+-]*): No such file",
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    environment=FILLED_MEMORY,
)
