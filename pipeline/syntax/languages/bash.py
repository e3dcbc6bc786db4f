"""Bash."""

import tree_sitter_bash
from tree_sitter import Language as Grammar

from pipeline.syntax.language import Binder, Language, Shape

_END = frozenset({";", "\n"})

LANGUAGE = Language(
    name="bash",
    grammar=Grammar(tree_sitter_bash.language()),
    fences=("bash", "sh", "shell", "zsh"),
    names=frozenset({"variable_name"}),
    comments=frozenset({"comment"}),
    comment_marks=(b"#",),
    atoms=frozenset({"heredoc_content"}),
    strings=frozenset({"string", "raw_string", "ansi_c_string"}),
    interpolations=frozenset({"simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"}),
    verbatim=frozenset({"string", "translated_string", "heredoc_body", "expansion", "regex"}),
    numbers=frozenset({"number"}),
    separated=dict.fromkeys(
        ("program", "compound_statement", "do_group", "if_statement", "elif_clause", "else_clause", "subshell"),
        _END,
    ),
    functions={"function_definition": Shape(parameters=())},
    binders={
        "declaration_command": Binder(scope="function", only_with=("local", "declare", "typeset")),
    },
    patterns={"variable_assignment": ("name",)},
    texts=frozenset({"word", "string_content", "raw_string", "heredoc_content", "regex"}),
    looks=frozenset({b"eval", b"source", b".", b"trap", b"-n", b"!", b"export", b"-x", b"-g"}),
    dynamic=True,
    entries=frozenset({"function_definition"}),
)
