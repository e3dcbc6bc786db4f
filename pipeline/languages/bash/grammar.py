"""Bash."""

import tree_sitter_bash
from tree_sitter import Language

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Shape

_END = frozenset({";", "\n"})

GRAMMAR = Grammar(
    name="bash",
    grammar=Language(tree_sitter_bash.language()),
    fences=("bash", "sh", "shell", "zsh"),
    suffixes=(".sh", ".bash"),
    stops=("\nfunction ", "\necho ", "\n# "),
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
    blocks=frozenset({"compound_statement", "do_group"}),
    loops=frozenset({"for_statement", "c_style_for_statement", "while_statement"}),
    ifs=frozenset({"if_statement"}),
    elifs=frozenset({"elif_clause"}),
    elses=frozenset({"else_clause"}),
    switches=frozenset({"case_statement"}),
    cases=frozenset({"case_item"}),
    defaults=(b"*)", b"*"),
    booleans=frozenset({"binary_expression", "list"}),
    comparisons=frozenset({"binary_expression"}),
    comparison_words=frozenset(),
    calls={"command": "name"},
    tag_kinds={
        "for_loop": frozenset({"for_statement", "c_style_for_statement"}),
        "match": frozenset({"case_statement"}),
        "while_loop": frozenset({"while_statement"}),
    },
    tag_calls={
        "print_in_function": frozenset({b"echo", b"printf"}),
        "input_in_function": frozenset({b"read", b"mapfile"}),
        "percent_format": frozenset({b"printf"}),
        "uses_sorting": frozenset({b"sort"}),
    },
)
