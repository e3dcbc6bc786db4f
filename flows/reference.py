"""Writes the reference pages from the code: `python -m pairsmith.flows.reference`, or `make reference`."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import typer.main

from pairsmith.flows.cli.shared import DEBUG, EXIT_CODES, app
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.stage import NON_SEMANTIC
from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.export import CONFIGS
from pairsmith.pipeline.reference import Key, KeyedSection, list_sections, own_keys, toml_value
from pairsmith.schemas.arrow import arrow_schema
from pairsmith.schemas.pair import Mark

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
_ENTRY = re.compile(r"^(\w+(?:, \w+)*): (.*)$")
_MADE = "<!-- Generated from the code by `make reference`: change the code, not this page. -->\n"


def pages() -> dict[str, str]:
    """Return the reference pages by file name."""
    parts = {
        "commands.md": _commands(),
        "configuration.md": _configuration(),
        "columns.md": _columns(),
        "stages.md": _stages(),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in parts.items()}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def _configuration() -> Iterator[str]:
    yield "# Configuration\n"
    yield _MADE
    yield "One TOML file and overrides (`--set section.key=value`). `pairsmith init` writes a commented file."
    yield "`none` unsets an optional key. An unknown key is an error that names the nearest known one."
    shown: dict[type, str] = {}
    for section in list_sections():
        yield from _section(section)
        for key in section.keys:
            if key.tables is None:
                continue
            yield f"\n### `[[{key.path}]]`\n"
            if key.tables in shown:
                yield f"As `[[{shown[key.tables]}]]`.\n"
            else:
                shown[key.tables] = key.path
                yield from _tables_of(key)


def _section(section: KeyedSection) -> Iterator[str]:
    yield f"\n## `[{'.'.join(section.path)}]`\n" if section.path else "\n## The run\n"
    yield f"{_paragraph(section.about)}\n"
    if section.keys:
        yield from _key_table(section.keys)


def _tables_of(key: Key) -> Iterator[str]:
    assert key.tables is not None
    (section, *_) = list_sections(key.tables, (*key.section, key.name))
    own = own_keys(key.tables, section.keys)
    more = "" if len(own) == len(section.keys) else " It also takes the keys of that section."
    yield f"{_paragraph(section.about)}{more}\n"
    yield from _key_table(own)


def _key_table(keys: tuple[Key, ...]) -> Iterator[str]:
    yield "| key | default | type | meaning |\n| --- | --- | --- | --- |"
    for key in keys:
        required = key.default is None or type(key.default).__name__ == "PydanticUndefinedType"
        default = "" if required else f"`{toml_value(key.default)}`"
        yield f"| `{key.name}` | {_cell(default)} | {_cell(key.kind)} | {_cell(key.description)} |"


def _columns() -> Iterator[str]:
    yield "# Columns\n"
    yield _MADE
    yield "Every stage of a run is a folder of Parquet shards; `dataset/` holds the configurations."
    yield "\n# Stages"
    for stage in table.STAGES:
        if stage.record is not None:
            yield from _record(stage.name, stage.record)
    yield from _record("marks.parquet", Mark)
    yield "\n# Configurations of the dataset"
    for config, (folder, record) in CONFIGS.items():
        yield from _record(f"{config} in {folder}/", record) if config != "pairs" else iter(())
    yield "\n# Why something makes no pair\n"
    yield "Counted in the manifest of `pairs`, in `pairing.json`, and in the column `reason` of `candidates`.\n"
    yield "| reason | counts | meaning |\n| --- | --- | --- |"
    for reason in Drop:
        yield f"| `{reason}` | {reason.unit}s | {_cell(reason.words)} |"


def _stages() -> Iterator[str]:
    yield "# Stages\n"
    yield _MADE
    yield "A shard is made again if one of these changed: a setting in the table, the stage's version, a row that"
    yield "it reads, or an input from outside the run. `pairsmith status` shows the reason. For settings in"
    yield "parentheses, the content of the file counts, not its path.\n"
    yield "| stage | what it does | reads | settings | version |\n| --- | --- | --- | --- | --- |"
    for stage in table.STAGES:
        settings = [f"`{key}`" for key in stage.settings] + [f"(`{key}`)" for key in stage.by_content]
        reads = ", ".join(f"`{name}`" for name in stage.reads)
        cells = map(_cell, (stage.about, reads, ", ".join(settings), str(stage.version)))
        yield f"| `{stage.name}` | {' | '.join(cells)} |"
    yield "\nThese settings change the speed of a stage, not its rows:\n"
    yield from (f"- `{key}`" for key in NON_SEMANTIC)


def _record(name: str, record: type) -> Iterator[str]:
    about, columns = describe_record(record)
    yield f"\n## `{name}`\n"
    yield f"{_paragraph(about)}\n"
    yield "| column | type | meaning |\n| --- | --- | --- |"
    for column, (kind, meaning) in columns.items():
        yield f"| `{column}` | {kind} | {_cell(meaning)} |"


def _commands() -> Iterator[str]:
    import pairsmith.flows.cli  # each verb registers itself

    assert pairsmith.flows.cli.main is not None
    yield "# Commands\n"
    yield _MADE
    yield "`pairsmith --install-completion` installs shell completion. With the variable"
    yield f"`{DEBUG}=1`, tracebacks and Prefect's log are shown.\n"
    yield "## Exit codes\n"
    yield "| code | when |\n| --- | --- |"
    for code, when in EXIT_CODES.items():
        yield f"| {code} | {when} |"
    command = typer.main.get_command(app)
    yield from _group(command, "pairsmith")


def _group(group: Any, path: str) -> Iterator[str]:
    """Give the verbs of a group. Typer brings a click of its own, or not: types of either would tie us to one."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _group(command, f"{path} {name}")
            continue
        yield f"\n## `{path} {name}`\n"
        yield f"{_paragraph(inspect.cleandoc(command.help or ''))}\n"
        rows = [row for parameter in command.params if (row := _parameter(parameter))]
        if rows:
            yield "| argument or option | meaning |\n| --- | --- |"
            yield from rows


def _parameter(parameter: Any) -> str:
    meaning = _cell(getattr(parameter, "help", "") or "")
    if parameter.param_type_name == "option":
        if parameter.hidden or "--help" in parameter.opts:
            return ""
        return f"| `{', '.join([*parameter.opts, *parameter.secondary_opts])}` | {meaning} |"
    return f"| `{(parameter.name or '').upper()}` | {meaning} |"


def _paragraph(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def describe_record(record: type) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return what a record's docstring begins with, and of each column its Arrow type in words and its meaning."""
    about, _, attributes = inspect.cleandoc(record.__doc__ or "").partition("Attributes:\n")
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(attributes).splitlines():
        entry = _ENTRY.match(line)
        if entry:  # of several names it counts for each
            names = entry[1].split(", ")
            meanings |= dict.fromkeys(names, entry[2])
        elif line.startswith(" ") and names:
            meanings |= {name: f"{meanings[name]} {line.strip()}" for name in names}
    columns = {field.name: (_kind(field), meanings.get(field.name, "")) for field in arrow_schema(record)}
    return about.strip(), columns


def _kind(field: pa.Field) -> str:
    words = _type(field.type)
    return f"{words} or null" if field.nullable and not pa.types.is_nested(field.type) else words


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(field.name for field in kind) + "}"
    return {"double": "float"}.get(str(kind), str(kind))


if __name__ == "__main__":
    main()
