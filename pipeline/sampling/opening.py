"""How a problem is put to a model: the chat message, or the code to continue."""

import ast
import functools
import re
from pathlib import Path
from typing import Literal

import jinja2

from pipeline.packaged import packaged_folder
from pipeline.sampling.errors import SamplingError
from pipeline.sampling.protocol import Opening
from schemas.problem import Interface, Problem

# What follows a finished function in a plain completion; four, because OpenAI's API takes no more.
# Source: Chen et al. 2021, arXiv:2107.03374, section 2.1 (less its comment line, which ends functions early).
CONTINUATION_STOP = ("\ndef ", "\nclass ", "\nif ", "\nprint(")


def make_opening(problem: Problem, template: Literal["chat", "continuation"]) -> Opening:
    """Return how a problem is put to a model.

    A chat message asks for one function in one code block. A continuation is `problem.continuation`, or the
    function's signature with the task as its docstring where the problem has none; for a program on stdin the task
    as the docstring that it begins with.

    Raises:
        SamplingError: if a continuation is asked for and no signature can be found.
    """
    if template == "chat":
        return Opening("chat", _render("chat.jinja", problem=problem))
    if problem.continuation:
        return Opening("continuation", problem.continuation)
    if problem.interface is Interface.STDIN:
        return Opening("continuation", _docstring(problem.prompt))
    words = problem.prompt.strip().replace('"""', "'''").replace("\n", "\n    ")
    text = _render("continuation.jinja", signature=find_signature(problem), words=words)
    return Opening("continuation", text + "\n")


def _docstring(words: str) -> str:
    text = words.strip().replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{text}\n"""\n'


def find_signature(problem: Problem) -> str:
    """Return the line `def name(...):` of a problem, from its prompt, else from its reference.

    Raises:
        SamplingError: if neither holds it.
    """
    name = re.escape(problem.entry_point)
    found = re.search(rf"def\s+{name}\s*\([^`\n]*?\)\s*(?:->\s*[^`\n:]+)?:", problem.prompt)
    if found:
        return found.group()
    bare = re.search(rf"{name}\([^`\n]*?\)\s*->\s*[^`\n:]+(?=[`\n:])", problem.prompt)
    if bare:
        return f"def {bare.group().strip()}:"
    for node in ast.walk(_parse(problem.reference)):
        if isinstance(node, ast.FunctionDef) and node.name == problem.entry_point:
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            return f"def {node.name}({ast.unparse(node.args)}){returns}:"
    raise SamplingError(
        f"{problem.problem_id}: no signature of {problem.entry_point} to continue; set sampling.template=chat"
    )


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def prompts_folder() -> Path:
    """Return where the Jinja templates lie.

    Raises:
        MissingFilesError: if they are not there.
    """
    return packaged_folder("prompts", "data/prompts")


def _render(name: str, **values: object) -> str:
    return _environment().get_template(name).render(values)


@functools.cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(prompts_folder())
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)
