"""How a problem is put to a model (chat messages or code to continue, by a Jinja template), and where answers end.

A template is a file `<name>.chat.jinja` or `<name>.continuation.jinja`. What it writes is the last user message,
or the code. Earlier messages (a system message, worked examples) are written by
`{% call message("assistant") %}...{% endcall %}`; so no text of a problem can pose as one. It sees `problem`
(see `schemas.problem`), and, if it asks for them, `signature` and `words` (the prompt as text of a docstring).
"""

import ast
import functools
import re
from collections.abc import Callable
from pathlib import Path

import jinja2

from pairsmith.pipeline.extraction.blocks import READS_INPUT
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.languages.table import find_grammar, title_of
from pairsmith.pipeline.run import packaged_folder
from pairsmith.pipeline.sampling.protocol import Form, NoSignatureError, Opening, Request, SamplingError
from pairsmith.schemas.pair import Message
from pairsmith.schemas.problem import Interface, Problem

_SUFFIXES: dict[Form, str] = {"chat": ".chat.jinja", "continuation": ".continuation.jinja"}
_ROLES = ("system", "user", "assistant")


def make_opening(problem: Problem, name: str, folder: Path | None = None) -> Opening:
    """Return how a problem is put to a model by a template.

    The template `completion` gives `problem.continuation` to the byte where the problem has one; for a program on
    stdin, the task as the docstring that it begins with, in other languages than Python as comment lines.

    Args:
        folder: the user's templates, which take precedence over pairsmith's.

    Raises:
        NoSignatureError: if the template needs a signature and none can be found.
        SamplingError: if there is no such template, or it can't be rendered.
    """
    form = form_of(name, folder)
    if name == "completion" and problem.continuation:
        return Opening("continuation", problem.continuation, name)
    if name == "completion" and problem.interface is Interface.STDIN:
        return Opening("continuation", _task_as_comment(problem), name)
    context: list[Message] = []

    def message(role: str, caller: Callable[[], str]) -> str:
        if role not in _ROLES:
            raise SamplingError(f"template {name}: unknown role {role!r}; known are {', '.join(_ROLES)}")
        context.append(Message(role, caller().strip("\n")))
        return ""

    try:
        template = _environment(folder).get_template(name + _SUFFIXES[form])
        text = template.render(problem=problem, message=message, **_values(problem, template))
    except jinja2.TemplateError as error:
        raise SamplingError(f"template {name}: {error}; see data/prompts for how they are written") from None
    if form == "chat":
        return Opening("chat", text.strip("\n"), name, tuple(context))
    return Opening("continuation", text + "\n", name)


def _task_as_comment(problem: Problem) -> str:
    if problem.language != "python":
        mark = find_grammar(problem.language).comment_marks[0].decode()
        return "".join(f"{mark} {line}".rstrip() + "\n" for line in problem.prompt.strip().splitlines())
    text = problem.prompt.strip().replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{text}\n"""\n'


def render_text(name: str, folder: Path | None, **values: object) -> str:
    """Return what a chat template writes of values of its own, such as the template `repair`.

    Raises:
        SamplingError: if there is no such template, or it can't be rendered.
    """
    try:
        return _environment(folder).get_template(name + _SUFFIXES["chat"]).render(**values).strip("\n")
    except jinja2.TemplateError as error:
        raise SamplingError(f"template {name}: {error}; see data/prompts for how they are written") from None


def form_of(name: str, folder: Path | None = None) -> Form:
    """Return whether a template writes chat messages or code to continue.

    Raises:
        SamplingError: if there is no such template; names those that there are.
    """
    folders = [*([folder] if folder is not None else []), prompts_folder()]
    for place in folders:
        for form, suffix in _SUFFIXES.items():
            if (place / f"{name}{suffix}").is_file():
                return form
    known = {path.name.split(".")[0] for place in folders for path in place.glob("*.jinja")}
    raise SamplingError(f"sampling.templates: unknown template {name!r}; known are {', '.join(sorted(known))}")


def resolve_template(name: str, has_chat: bool, model: str, folder: Path | None = None) -> str:
    """Return the template that a name means for a model: `auto` is instruct, or completion for a base model.

    Raises:
        SamplingError: if chat is asked of a model without a chat template, or there is no such template.
    """
    if name == "auto":
        return "instruct" if has_chat else "completion"
    if form_of(name, folder) == "chat" and not has_chat:
        raise SamplingError(f"{model} has no chat template; set sampling.templates=completion")
    return name


def find_signature(problem: Problem) -> str:
    """Return the line `def name(...):` of a problem, from its prompt, else from its reference.

    Raises:
        NoSignatureError: if neither holds it.
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
    raise NoSignatureError(
        f"{problem.problem_id}: no signature of {problem.entry_point} to continue; set sampling.templates=instruct"
    )


def prompts_folder() -> Path:
    """Return where the Jinja templates lie."""
    return packaged_folder("prompts", "data/prompts")


def _values(problem: Problem, template: jinja2.Template) -> dict[str, str]:
    """Return the values that cost something, or may be missing: made only for a template that names them."""
    assert template.filename is not None
    source = Path(template.filename).read_text(encoding="utf-8")
    values = {"title": title_of(problem.language)}
    if re.search(r"\bsignature\b", source):
        values["signature"] = find_signature(problem)
    if re.search(r"\bwords\b", source):
        values["words"] = problem.prompt.strip().replace('"""', "'''").replace("\n", "\n    ")
    return values


def _parse(source: str) -> ast.Module:
    try:
        return parse_python(source)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


@functools.cache
def _environment(folder: Path | None) -> jinja2.Environment:
    folders = [*([folder] if folder is not None else []), prompts_folder()]
    loader = jinja2.FileSystemLoader(folders)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)


_BLOCK = re.compile(r"^[ \t]*```[^\n`]*\n(?P<code>.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)


def stop_texts(form: Form, language: str) -> tuple[str, ...]:
    """Return the texts that end a completion; none for chat answers, which end where the model ends them."""
    return find_grammar(language).stops if form == "continuation" else ()


def find_end(text: str, request: Request, stop_at_code: bool) -> int | None:
    """Return where a completion ends, as an offset into its text; None while it goes on.

    Args:
        stop_at_code: end a chat answer behind the first closed code block that defines the entry point. What
            a model writes after it (examples, explanations) is no part of the program; small models ramble.
    """
    ends = [at for at in (text.find(stop) for stop in request.stop) if at >= 0]
    if stop_at_code and request.opening.template == "chat":
        block = _first_answer(text, request.entry_point)
        if block is not None:
            ends.append(block.end())
    return min(ends, default=None)


def _first_answer(text: str, entry_point: str) -> re.Match[str] | None:
    """Return the first closed block that defines the entry point; one that reads input, where there is none."""
    owner, _, method = entry_point.rpartition(".")
    name = re.escape(method)
    function = rf"\b(?:def|function|func|fn)\s+{name}\b|\b{name}\s*=|\b{name}\s*\([^;{{}}]*\)[^;{{}}\n]*\{{"
    defines = re.compile(rf"\bclass\s+{re.escape(owner)}\b" if owner else function)
    if not entry_point:  # a program on stdin
        defines = READS_INPUT
    return next((block for block in _BLOCK.finditer(text) if defines.search(block["code"])), None)
