"""What a model is asked: chat prompts in plain words, and code to continue."""

import ast
from collections.abc import Iterable

from pairsmith.pipeline.languages.table import title_of
from pairsmith.pipeline.problems.conversion import TestSyntaxError, parse


def chat_prompt(task: str, signature: str) -> str:
    """Return a task in words as a chat prompt that names the function or class and its parameters.

    Args:
        signature: `def f(x):`, an outline `class A: ...`, or a bare name where that is all that is known.
    """
    if signature.startswith("class "):
        return f"{task.strip()}\n\nWrite the Python class with these methods:\n\n```python\n{signature}\n```"
    if not signature.startswith(("def ", "async def ")):
        return f"{task.strip()}\n\nThe Python function must be called `{signature}`."
    return f"{task.strip()}\n\nWrite the Python function with this signature:\n\n```python\n{signature}\n```"


def foreign_prompt(task: str, language: str, entry_point: str, signature: str) -> str:
    """Return a task in words as a chat prompt for a function in a language other than Python.

    Args:
        language: name in the table of languages, which is also the tag of its fences.
        signature: the function's first line; empty where it is not known.
    """
    title = title_of(language)
    if not signature.strip():
        return f"{task.strip()}\n\nThe {title} function must be called `{entry_point}`."
    return (
        f"{task.strip()}\n\nWrite the {title} function with this signature:\n\n"
        f"```{language}\n{signature.strip()}\n```"
    )


def program_prompt(task: str, title: str = "Python") -> str:
    """Return a task in words as a chat prompt for a program on standard input and output."""
    return (
        f"{task.strip()}\n\nWrite a complete {title} program that reads from standard input and writes to "
        "standard output, and nothing but the answer."
    )


def function_prompt(task: str, entry_point: str, starter: str) -> str:
    """Return a task in words as a chat prompt that shows the starter code of a function or method.

    Args:
        starter: code that breaks off; empty where there is none.
    """
    if not starter.strip():
        return chat_prompt(task, entry_point)
    return (
        f"{task.strip()}\n\nGo on from this Python code, and keep its names:\n\n```python\n{starter.strip()}\n```"
    )


def completion_prompt(code: str, entry_point: str, language: str = "python") -> str:
    """Return the chat prompt for code that breaks off after a docstring, as HumanEval's prompts do."""
    described = "docstring" if language == "python" else "comment"
    return (
        f"Complete the {title_of(language)} function `{entry_point}` as its {described} says. "
        f"Give the complete function, not only the missing part.\n\n```{language}\n{code.strip()}\n```"
    )


def docstring_start(signature: str, task: str) -> str:
    """Return signature and docstring, for a plain completion; empty where the two make no valid start."""
    task = task.strip().replace("\\", "\\\\").replace('"""', "'''")
    lines = "\n    ".join(task.splitlines())
    start = f'{signature}\n    """{lines}{" " if lines.endswith(chr(34)) else ""}"""\n'
    return start if breaks_off_in(start) else ""


def breaks_off_in(code: str) -> str:
    """Return the name of the function that code breaks off in, empty if it is no such start of a program."""
    try:
        tree = parse(code.rstrip() + "\n    pass\n")
    except TestSyntaxError:
        return ""
    last = tree.body[-1] if tree.body else None
    return last.name if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) else ""


def code_before(code: str, entry_point: str) -> str:
    """Return the code before a function: imports and helpers that its body and tests may use.

    Raises:
        TestSyntaxError: if the code is not Python, even with its last function given a body.
    """
    text = code
    try:
        body = parse(text).body
    except TestSyntaxError:
        text = code.rstrip() + "\n    pass\n"
        body = parse(text).body
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == entry_point:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            before = "\n".join(text.split("\n")[: first - 1]).strip("\n")
            return before + "\n" if before else ""
    return ""


def signature_of(source: str, name: str) -> str:
    """Return the line `def name(...):` of the last function of that name; empty if there is none.

    Of a class it returns `class Name:` with the first lines of its public methods, of `Class.method` the class
    with that method.

    Raises:
        TestSyntaxError: if the source is not Python.
    """
    owner, _, method = name.partition(".")
    found = ""
    for node in parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            found = _first_line(node)
        elif isinstance(node, ast.ClassDef) and node.name == owner:
            found = _outline(node, method) or found
    return found


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{kind} {node.name}({ast.unparse(node.args)}){returns}:"


def _outline(node: ast.ClassDef, method: str) -> str:
    """Return a class with the first lines of its methods; empty where the one that is asked for is missing."""
    lines = [
        f"    {_first_line(part)} ..."
        for part in node.body
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
        and (part.name == method if method else not part.name.startswith("_") or part.name.endswith("__"))
    ]
    bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
    return "\n".join([f"class {node.name}{bases}:", *lines]) if lines else ""


def parameters_of(signature: str) -> tuple[str, ...]:
    """Return the names of the parameters that `def f(...):` takes by position; none for anything else."""
    if not signature.startswith(("def ", "async def ")):
        return ()
    (function,) = parse(f"{signature} pass").body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    return tuple(arg.arg for arg in (*function.args.posonlyargs, *function.args.args))


def find_entry_point(tests: Iterable[str], reference: str) -> str:
    """Return the function of a reference that most tests call, the first called of several; empty for none.

    Raises:
        TestSyntaxError: if tests or reference are not Python.
    """
    defined = {node.name for node in parse(reference).body if isinstance(node, ast.FunctionDef)}
    counts: dict[str, int] = {}
    for test in tests:
        for node in ast.walk(parse(test)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defined:
                counts[node.func.id] = counts.get(node.func.id, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else ""
