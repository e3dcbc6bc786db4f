"""The card of a dataset: what is in it, where it came from, what its labels mean and how far they hold."""

import functools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pairsmith.pipeline.chain.table import scan_stage
from pairsmith.pipeline.publishing.hub import PublishError
from pairsmith.pipeline.report.facts import ReportError, ReportInput
from pairsmith.pipeline.report.gather import gather_run
from pairsmith.pipeline.report.words import counted, excerpt, maybe, percent, spoken
from pairsmith.pipeline.run.safe_text import visible
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.manifest import PairingReport

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|<>&~$@:])")
_BACKTICKS = re.compile(r"`+")
_MAX_INLINE = 200
EMBEDDED = "HuggingFaceTB/SmolLM2-135M-Instruct"  # what `smollm2` is
_TAGS = ("preference", "dpo", "code", "pairsmith")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
# Names that the Hub knows; others are in the text only.
_LICENCES = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc0-1.0",
    "gpl-3.0", "mpl-2.0",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The facts of one run that its card shows. Texts are as they came: the template escapes them."""

    run: ReportInput  # what the report shows too: stages, pairs, examples, the counts of pairing
    report: PairingReport
    head: Mapping[str, Any]  # `configs` and `dataset_info`, as pairing wrote them
    sizes: Mapping[str, Mapping[str, int]]  # configuration to split to rows
    # (source, licence, problems) by falling count; an empty licence is an unknown one
    sources: tuple[tuple[str, str, int], ...]
    models: tuple[tuple[str, str, int], ...]  # (model, revision, candidates) by falling count
    base: str  # the model's name on the Hub; empty where there is none


def gather_card(run: Path, config: RunConfig) -> CardFacts:
    """Return the facts that the card of a built run shows."""
    try:
        head = json.loads((run / "dataset" / "README.md").read_text(encoding="utf-8").split("---\n")[1])
        facts = gather_run(run)
    except (OSError, ValueError, IndexError, ReportError):
        raise PublishError(f"{run}: no dataset; run `pairsmith build` first") from None
    if facts.pairing is None:
        raise PublishError(f"{run}: no dataset; run `pairsmith build` first")
    sizes = {
        info["config_name"]: {split["name"]: split["num_examples"] for split in info["splits"]}
        for info in head["dataset_info"]
    }
    problems = _count(run, "problems", "source", "license")
    models = _count(run, "candidates", "model", "revision")
    return CardFacts(
        run=facts,
        report=facts.pairing,
        head=head,
        sizes=sizes,
        sources=tuple((str(source), str(licence), n) for (source, licence), n in problems),
        models=tuple((Path(str(model)).name or "?", str(revision), n) for (model, revision), n in models),
        base=base_model(config),
    )


def base_model(config: RunConfig) -> str:
    """Return the Hub's name of the model that is trained; empty where it is a folder of this machine."""
    name = config.training.start or config.sampling.model
    if name == "smollm2":
        return EMBEDDED
    return "" if Path(name).exists() or name.startswith(("/", ".", "~")) else name


def render_card(facts: CardFacts, repo: str, tag: str, title: str, private: bool) -> str:
    """Return the dataset's card: YAML (as JSON, which is YAML) and Markdown."""
    n_pairs = sum(facts.sizes.get("pairs", {}).values())
    licences = sorted({licence.lower() for _, licence, _ in facts.sources if licence.lower() in _LICENCES})
    head = {
        "pretty_name": title,
        "license": licences[0] if len(licences) == 1 else licences or "unknown",
        "task_categories": ["text-generation"],
        "tags": list(_TAGS),
        "size_categories": [next((name for most, name in _SIZES if n_pairs < most), "n>1M")],
        **facts.head,
        **({"base_model": facts.base} if facts.base else {}),
    }
    head["tags"] = sorted({*head["tags"], *_TAGS})
    template = _environment().get_template("dataset_card.md.jinja")
    body = template.render(
        facts=facts,
        repo=repo,
        tag=tag,
        title=title,
        private=private,
        columns=_columns(facts),
        n_pairs=n_pairs,
        example=next(iter(facts.run.pairs.examples), None) if facts.run.pairs else None,
    )
    return f"---\n{json.dumps(head, indent=1)}\n---\n\n{body}"


def render_model_card(
    trained: str, base: str, repo: str, dataset: str, tag: str, scores: Sequence[tuple[str, str, str, str]]
) -> str:
    """Return the adapter's card: the one that training wrote, with names of the Hub and what was scored.

    Args:
        trained: text of the card in the adapter's folder.
        base: the start's name on the Hub; empty where it has none.
        dataset: repository of the dataset that it was trained on; empty where that is not published.
        scores: measure, before, after and change in words; empty where nothing was evaluated.
    """
    _, head, body = trained.split("---\n", 2)
    names = json.loads(head)
    names |= {"base_model": base} if base else {}
    names |= {"datasets": [dataset]} if dataset else {}
    template = _environment().get_template("model_card.md.jinja")
    rest = template.render(repo=repo, dataset=dataset, tag=tag, scores=scores, base=base)
    return f"---\n{json.dumps(names, indent=1)}\n---\n{body}\n{rest}"


def inline(text: str) -> str:
    """Return text for a line or a cell of a table: one line, hidden characters written out, no markup in it."""
    line = " ".join(visible(text[: _MAX_INLINE + 1]).split())
    if len(text) > _MAX_INLINE:
        line = line[:_MAX_INLINE] + "…"
    # References of HTML stand for themselves in every Markdown; a backslash does so before punctuation only.
    return _SPECIAL.sub(lambda found: f"&#{ord(found[1])};", line)


def fenced(text: str, language: str = "") -> str:
    """Return the beginning of a text as a block of code, under a fence longer than any that the text has."""
    shown = excerpt(visible(text[:8000]), n_lines=40, n_chars=3000)
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _columns(facts: CardFacts) -> list[tuple[str, str]]:
    from pairsmith.pipeline.pairing.export import CONFIGS

    return [(name, (CONFIGS[name][1].__doc__ or "").strip()) for name in facts.sizes]


def _count(run: Path, stage: str, *columns: str) -> list[tuple[tuple[Any, ...], int]]:
    counts = Counter(scan_stage(run, stage).select(columns).collect().iter_rows())
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown: see `inline` and `fenced`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (inline, fenced, spoken, percent, maybe, counted):
        environment.filters[function.__name__] = function
    return environment
