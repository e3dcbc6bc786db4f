"""Style tags: a closed list with one meaning each. The table also makes the documentation."""

import builtins
import re
import sys
from collections.abc import Callable
from typing import TypeAlias

from pipeline.syntax.facts import Facts, Scope, ScopeKind

MAX_LINE_LENGTH = 79  # PEP 8, "Maximum Line Length"
DEEP_NESTING = 4  # the Linux kernel's coding style: "if you need more than 3 levels ... fix your program"

TAGS: dict[str, str] = {
    "assert": "has an assert statement",
    "bare_except": "has an `except:` that names no exception",
    "class": "defines a class",
    "comment": "has a comment",
    "comprehension": "has a list, set or dict comprehension",
    "conditional_expression": "has an `a if b else c`",
    "dead_code": "has a statement right behind a return, raise, break or continue of the same block",
    "decorator": "has a decorator",
    "deep_nesting": f"nests compound statements {DEEP_NESTING} deep or deeper",
    "docstring": "some function has a docstring",
    "early_return": "some function has a return that is not the last statement of its body",
    "f_string": "has an f-string with a value in it",
    "for_loop": "has a for statement",
    "functional": "calls map, filter or reduce",
    "generator": "has a generator expression or a yield",
    "global_state": "has a global statement in a function",
    "guard_clause": "some function begins with an `if` without `else` that returns or raises",
    "helper_function": "has two or more functions at the top level",
    "import_stdlib": "imports a module of the standard library",
    "import_third_party": "imports a module that is not of the standard library",
    "input_in_function": "calls input in a function",
    "lambda": "has a lambda",
    "long_line": f"has a line of more than {MAX_LINE_LENGTH} characters",
    "magic_comparison": "compares with a number other than 0, 1 and -1 (pylint's magic-value-comparison)",
    "match": "has a match statement",
    "mutable_default": "a parameter's default is a list, dict or set",
    "names_camel_case": "some function, parameter or variable has a camelCase name",
    "names_one_letter": "half or more of the names of parameters and variables are one letter long",
    "names_shadow_builtin": "some function, parameter or variable hides a built-in name",
    "names_snake_case": "some function, parameter or variable has a snake_case name",
    "nested_function": "a function is defined in a function",
    "nested_loops": "a for or while statement stands in another one of the same function",
    "one_statement": "some function's body is one statement, the docstring aside",
    "percent_format": "formats a string literal with %",
    "print_in_function": "calls print in a function",
    "raise": "has a raise statement",
    "recursion": "a function calls itself by name",
    "star_import": "imports with *",
    "str_format": "calls a format method",
    "try": "has a try statement",
    "type_hints_full": "every parameter and every return value of every function has a type hint",
    "type_hints_none": "no parameter and no return value has a type hint",
    "type_hints_part": "some parameters or return values have a type hint, not all",
    "uses_dict": "has a dict or calls dict, defaultdict, Counter or OrderedDict",
    "uses_set": "has a set or calls set or frozenset",
    "uses_slice": "has a slice",
    "uses_sorting": "calls sorted or a sort method",
    "walrus": "has a `:=`",
    "while_loop": "has a while statement",
}
"""Every tag that a program can have, and what it means."""

_Rule: TypeAlias = Callable[[Facts], bool]
_BUILTINS = frozenset(name.encode() for name in dir(builtins) if not name.startswith("_"))
_STANDARD = frozenset(name.encode() for name in sys.stdlib_module_names)
_CAMEL = re.compile(rb"_*[a-z]+[a-z0-9]*[A-Z]\w*")
_SNAKE = re.compile(rb"_*[a-z0-9]+_[a-z0-9_]*[a-z0-9]")


def find_tags(facts: Facts, max_line_length: int) -> tuple[str, ...]:
    """Return the tags of a program, sorted.

    Args:
        max_line_length: characters of its longest line.
    """
    found = set(facts.seen)
    found.update(tag for tag, names in _BY_KIND.items() if not facts.n_kinds.keys().isdisjoint(names))
    found.update(tag for tag, names in _BY_CALL.items() if not names.isdisjoint(facts.called))
    found.update(tag for tag, names in _BY_METHOD.items() if not names.isdisjoint(facts.methods))
    found.update(_import_tags(facts), _function_tags(facts), _name_tags(facts))
    if facts.nesting_depth >= DEEP_NESTING:
        found.add("deep_nesting")
    if max_line_length > MAX_LINE_LENGTH:
        found.add("long_line")
    return tuple(sorted(found))


_BY_KIND: dict[str, frozenset[str]] = {
    "assert": frozenset({"assert_statement"}),
    "class": frozenset({"class_definition"}),
    "comment": frozenset({"comment"}),
    "comprehension": frozenset({"list_comprehension", "set_comprehension", "dictionary_comprehension"}),
    "conditional_expression": frozenset({"conditional_expression"}),
    "decorator": frozenset({"decorator"}),
    "for_loop": frozenset({"for_statement"}),
    "generator": frozenset({"generator_expression", "yield"}),
    "lambda": frozenset({"lambda"}),
    "match": frozenset({"match_statement"}),
    "raise": frozenset({"raise_statement"}),
    "try": frozenset({"try_statement"}),
    "uses_dict": frozenset({"dictionary", "dictionary_comprehension"}),
    "uses_set": frozenset({"set", "set_comprehension"}),
    "uses_slice": frozenset({"slice"}),
    "walrus": frozenset({"named_expression"}),
    "while_loop": frozenset({"while_statement"}),
}
_BY_CALL: dict[str, frozenset[bytes]] = {
    "functional": frozenset({b"map", b"filter", b"reduce"}),
    "uses_dict": frozenset({b"dict", b"defaultdict", b"Counter", b"OrderedDict"}),
    "uses_set": frozenset({b"set", b"frozenset"}),
    "uses_sorting": frozenset({b"sorted"}),
}
_BY_METHOD: dict[str, frozenset[bytes]] = {
    "functional": frozenset({b"reduce"}),
    "str_format": frozenset({b"format", b"format_map"}),
    "uses_dict": frozenset({b"defaultdict", b"Counter", b"OrderedDict", b"fromkeys"}),
    "uses_sorting": frozenset({b"sort"}),
}


def _import_tags(facts: Facts) -> set[str]:
    return {"import_stdlib" if name in _STANDARD else "import_third_party" for name in facts.modules}


def _function_tags(facts: Facts) -> set[str]:
    functions = facts.functions
    if not functions:
        return set()
    found = {_hint_tag(facts)}
    for tag, holds in _BY_FUNCTION.items():
        if any(map(holds, functions)):
            found.add(tag)
    if sum(name in _top_names(facts) for name in {function.name for function in functions}) >= 2:
        found.add("helper_function")
    return found


_BY_FUNCTION: dict[str, Callable[..., bool]] = {
    "docstring": lambda function: function.documented,
    "early_return": lambda function: function.n_returns > function.ends_in_return,
    "guard_clause": lambda function: function.guarded,
    "mutable_default": lambda function: function.mutable_default,
    "nested_function": lambda function: function.parent is not None,
    "one_statement": lambda function: function.single,
}


def _top_names(facts: Facts) -> set[bytes]:
    return facts.scopes[0].bound


def _hint_tag(facts: Facts) -> str:
    hinted = sum(function.n_hinted + function.returns_hinted for function in facts.functions)
    total = sum(function.n_parameters + 1 for function in facts.functions)
    return "type_hints_none" if not hinted else "type_hints_full" if hinted == total else "type_hints_part"


def _name_tags(facts: Facts) -> set[str]:
    definitions = {function.name for function in facts.functions}
    names = set().union(*(_own_names(scope) for scope in facts.scopes))
    variables = names - definitions
    found: set[str] = set()
    if any(_CAMEL.fullmatch(name) for name in names):
        found.add("names_camel_case")
    if any(_SNAKE.fullmatch(name) for name in names):
        found.add("names_snake_case")
    if not names.isdisjoint(_BUILTINS):
        found.add("names_shadow_builtin")
    if variables and 2 * sum(len(name) == 1 for name in variables) >= len(variables):
        found.add("names_one_letter")
    return found


def _own_names(scope: Scope) -> set[bytes]:
    """Return the names that a scope binds by definition or assignment; none for a class: they are attributes."""
    if scope.kind is ScopeKind.CLASS:
        return set()
    return scope.bound - scope.kept - scope.globals_ - scope.nonlocals
