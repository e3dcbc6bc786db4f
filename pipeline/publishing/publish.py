"""What of a run goes to which repository, checked before anything is sent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi

from pairsmith.pipeline.evaluation.gate import read_gate
from pairsmith.pipeline.evaluation.score import gains_from_json
from pairsmith.pipeline.publishing.card import CardFacts, base_model, gather_card, render_card, render_model_card
from pairsmith.pipeline.publishing.hub import (
    Changes,
    Content,
    HeldBackError,
    HubDownError,
    Kind,
    PublishError,
    Remote,
    compare,
    look,
)
from pairsmith.pipeline.publishing.scanning import Finding, scan_files
from pairsmith.pipeline.report.tables import gain_rows
from pairsmith.pipeline.training.progress import load_summary
from pairsmith.pipeline.training.run import result_of
from pairsmith.schemas.config import RunConfig

_SHOWN = 5  # findings of the scan in one error
_OURS = ("data/", "unpaired/", "sft/", "ranked/", "candidates/", "figures/", "CHANGELOG.md")


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """One repository, what is there, and what it shall be."""

    remote: Remote
    local: Mapping[str, Content]  # path in the repository to file or bytes
    ours: tuple[str, ...]  # prefixes of what only we write there
    tag: str
    changes: Changes  # what a push would do


def plan_publish(
    config: RunConfig,
    api: HfApi,
    tag: str,
    changelog: str = "",
    despite: Sequence[str] = (),
    needs_hub: bool = True,
) -> list[PublishPlan]:
    """Return a plan for each repository that the configuration names. Sends nothing.

    Args:
        config: a run that has been built, and trained where an adapter is to be published.
        changelog: text of CHANGELOG.md; empty for none.
        despite: names of checks of the gate that do not block publishing.
        needs_hub: False makes a plan even if the Hub does not answer, compared with nothing.

    Raises:
        PublishError: nothing to publish, held back by the gate, keys or private addresses, or the Hub refuses.
        HubDownError: the Hub can't be reached.
    """
    publish = config.publish
    plans: list[tuple[Remote, Mapping[str, Content], tuple[str, ...]]] = []
    if not publish.dataset and not publish.model:
        raise PublishError("no repository to publish to; set publish.dataset=owner/name")
    refuse_marked(config.run, despite)
    if publish.dataset:
        facts = gather_card(config.run, config)
        refuse_secrets(scan_files(sorted((config.run / "dataset").glob("*/*.parquet")), publish.allowed))
        local = dataset_files(config, facts, tag, changelog)
        plans.append((_look(api, publish.dataset, "dataset", needs_hub), local, _OURS))
    if publish.model:
        plans.append((_look(api, publish.model, "model", needs_hub), model_files(config, tag), ()))
    return [
        PublishPlan(remote, local, ours, tag, compare(local, remote.files, ours)) for remote, local, ours in plans
    ]


def _look(api: HfApi, repo: str, kind: Kind, needs_hub: bool) -> Remote:
    try:
        return look(api, repo, kind)
    except HubDownError:
        if needs_hub:
            raise
        return Remote(repo, kind, "", {}, {}, is_known=False)


def refuse_marked(run: Path, despite: Sequence[str]) -> None:
    """Refuse to publish what the gate marked."""
    gate = read_gate(run)
    marks = gate.refusals(despite) if gate is not None else ()
    if marks:
        reasons = "; ".join(check.reason for check in marks)
        names = " ".join(f"--despite {json.dumps(check.name)}" for check in marks)
        raise HeldBackError(f"not published, the gate failed: {reasons}. To publish anyway: {names}")


def refuse_secrets(findings: Sequence[Finding]) -> None:
    """Refuse to publish what no one should see. The texts themselves are not shown."""
    if not findings:
        return
    shown = "; ".join(
        f"{finding.name} ({finding.kind}) in {finding.file} row {finding.row} column {finding.column}, "
        f"{finding.n} places"
        for finding in findings[:_SHOWN]
    )
    more = f"; {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
    raise PublishError(
        f"not published, {len(findings)} texts look like keys or private addresses: {shown}{more}; "
        "check them, then allow them by name in publish.allowed, or leave these problems out"
    )


def dataset_files(config: RunConfig, facts: CardFacts, tag: str, changelog: str) -> dict[str, Content]:
    """Return the files of the dataset's repository by path."""
    folder = config.run / "dataset"
    local: dict[str, Content] = {
        path.relative_to(folder).as_posix(): path for path in sorted(folder.glob("*/*.parquet"))
    }
    card = render_card(facts, config.publish.dataset, tag, config.run.resolve().name, config.publish.private)
    local["README.md"] = card.encode()
    if changelog:
        local["CHANGELOG.md"] = changelog.encode()
    return local


def model_files(config: RunConfig, tag: str) -> dict[str, Content]:
    """Return the files of the adapter's repository by path."""
    folder = config.run / "training"
    adapter, summary = folder / "adapter", load_summary(folder)
    base, _ = result_of(folder)
    if base is not None:
        raise PublishError(
            f"{folder}: what was trained is not an adapter of the start, and only these are published; "
            f"upload {base.relative_to(folder)} by `hf upload`"
        )
    if not adapter.is_dir() or summary is None:
        raise PublishError(f"{folder}: no adapter; run `pairsmith train` first")
    local: dict[str, Content] = {
        path.relative_to(adapter).as_posix(): path for path in sorted(adapter.rglob("*")) if path.is_file()
    }
    settings = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base_model(config) or summary.model
    local["adapter_config.json"] = (json.dumps(settings, indent=2, sort_keys=True) + "\n").encode()
    trained = (adapter / "README.md").read_text(encoding="utf-8")
    names = base_model(config), config.publish.model, config.publish.dataset
    card = render_model_card(trained, *names, tag, _gains(config))
    local["README.md"] = card.encode()
    return local


def _gains(config: RunConfig) -> list[tuple[str, str, str, str]]:
    """Return measure, before, after and change of an evaluation, in words; empty where there was none."""
    path = config.run / "evaluation" / "gains.json"
    if not path.is_file():
        return []
    rows = gain_rows(gains_from_json(path.read_text(encoding="utf-8")))
    return [(*row[:3], f"{row[3]}, {row[4]}") for row in rows]
