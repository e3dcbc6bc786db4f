"""One chain: a run folder with one folder a stage, under one configuration. Makes, reads and explains shards.

A chain is the run itself, and again each folder under `evaluation/` for a model that is scored. A shard holds the
rows of the same problems at every stage. It is made again only when its key changes: the settings that its rows
depend on, the version of its code, what is read from outside, or the content of what it reads.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.stage import Inputs, Stage
from pairsmith.pipeline.chain.table import find_stage, versions_of
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.execution.stage import FAULTS
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import MANIFEST, FolderError, StageFolder
from pairsmith.pipeline.sampling.filling import Filled, draw
from pairsmith.pipeline.sampling.stage import ASK_AGAIN
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.manifest import Manifest

_MAX_ROWS = 50_000  # rows of shards that were just made and are kept for the stages that read them
_FAULTS = {"candidates": ASK_AGAIN, "executions": FAULTS}  # counts of what the next run makes again, by stage
Around = Callable[[str, str, Callable[[], None]], None]


class Chain:
    """One run folder, one configuration.

    Attributes:
        sources: what shards of some stages are made of besides rows (see `Inputs.source`), by stage and shard.
    """

    def __init__(
        self,
        run_dir: Path,
        config: RunConfig,
        tools: Tools | None = None,
        around: Around = lambda stage, shard, work: work(),
        stages: Sequence[Stage] | None = None,
    ) -> None:
        """Name a chain; touches nothing.

        Args:
            tools: samplers and sandboxes; None for a chain that is only read.
            around: does the work of a shard, given the names of stage and shard: a task of its own, with retries.
            stages: its stages; None takes those of `chain.table`.
        """
        self.run_dir, self.config, self.tools = run_dir, config, tools
        self.sources: dict[str, Mapping[str, Any]] = {}
        self._around, self._stages = around, stages
        self._external: dict[str, Sequence[str]] = {}
        self._listed: dict[str, tuple[int, dict[str, str]]] = {}  # time of a stage's manifest, content by shard
        self._rows: OrderedDict[tuple[str, str], Sequence[Any]] = OrderedDict()
        self._keeping = threading.Lock()  # several threads make shards

    def stage(self, name: str) -> Stage:
        """Return a stage by its name."""
        return find_stage(name, self._stages)

    def folder(self, stage: str) -> StageFolder:
        """Return the folder of a stage."""
        record = self.stage(stage).record
        assert record is not None, f"{stage} has no shards"
        return StageFolder(self.run_dir, stage, record)

    def rows(self, stage: str, shard: str) -> Sequence[Any]:
        """Return the rows of a shard.

        Raises:
            FolderError: it is not there, or broken.
        """
        kept = self._rows.get((stage, shard))
        folder = self.folder(stage)
        if kept is not None and folder.was_just_written(shard):
            return kept
        return folder.read(shard)

    def n_rows(self, stage: str) -> int:
        """Return the rows of a stage that is done, else 0."""
        manifest = self.folder(stage).manifest()
        return manifest.n_out if manifest is not None else 0

    def key(self, stage: str, shard: str = "") -> str:
        """Return the key that a shard must have; of a stage that is made as a whole, that of the stage.

        Raises:
            FolderError, OSError, KeyError: what it reads is not there.
        """
        value = self.stage(stage)
        if stage not in self._external:
            self._external[stage] = value.external(self.config)
        parts = (*value.texts(self.config), *self._contents(value, shard))
        return digest(stage, str(value.version), *parts, *self._external[stage])

    def has(self, stage: str, shard: str) -> bool:
        """Return whether a shard is there under its key, with those that the same run makes."""
        value = self.stage(stage)
        leader = self.stage(value.made_by) if value.made_by else value
        try:
            return all(
                self.folder(name).has_shard(shard, self.key(name, shard)) for name in (leader.name, *leader.beside)
            )
        except (OSError, KeyError, FolderError):  # a stage before has no such shard yet
            return False

    def ensure(
        self, stage: str, shard: str, source: Any = None, on_done: Callable[[int], None] = lambda n: None
    ) -> bool:
        """Make a shard unless it is there under its key; return whether it was made.

        Args:
            source: see `Inputs.source`; of a stage in `sources` it stands there.
            on_done: called with the number of rows that were just made, by stages that take long.
        """
        value = self.stage(stage)
        if value.made_by:
            return self.ensure(value.made_by, shard, source, on_done)
        if self.has(stage, shard):
            return False
        given = self.sources[stage][shard] if stage in self.sources else source
        self._around(stage, shard, lambda: self._make(value, shard, given, on_done))
        return True

    def ensure_whole(self, stage: str) -> Manifest:
        """Make a stage that is made as a whole, unless it is there under its key; return its manifest."""
        value = self.stage(stage)
        assert value.whole is not None
        folder, key = self.folder(stage), self.key(stage)
        manifest = folder.manifest() if folder.holds(key) else None
        if manifest is not None:
            return manifest
        before = [self.folder(name) for name in value.reads]
        files = {each.stage: [each.path / name for name in each.shard_names()] for each in before}
        whole, names = value.whole, list[str]()

        def work() -> None:
            made = whole(files, self.run_dir, self.config, key)
            for name, shard in made.items():
                folder.write_shard(name, key, shard)
            names.extend(made)

        self._around(stage, "all", work)
        return folder.finish(names, key, versions_of(self.stage(stage)))

    def draw(
        self,
        shards: Iterable[str],
        on_drawn: Callable[[Candidate], None] = lambda candidate: None,
        on_filled: Callable[[Filled], None] = lambda problem: None,
    ) -> Iterator[str]:
        """Draw the candidates of shards as one stream; yield the name of each shard when it is written."""
        assert self.tools is not None, "a chain that is only looked at"
        sizes = {name: len(self.rows("problems", name)) for name in shards}
        waiting: dict[str, list[Filled]] = {name: [] for name in sizes}
        wanted = [name for name, size in sizes.items() if size]
        for name in waiting.keys() - wanted:
            self.ensure("candidates", name, source=[])
            yield name
        if not wanted:  # no model is opened
            return
        opened, store = self.tools.open_model, self.tools.store()
        for problem in draw(self.run_dir, wanted, self.config, opened, store, on_drawn):
            on_filled(problem)
            waiting[problem.shard].append(problem)
            if len(waiting[problem.shard]) == sizes[problem.shard]:
                self.ensure("candidates", problem.shard, source=waiting.pop(problem.shard))
                yield problem.shard

    def fingerprint(self, stage: str, shards: Iterable[str]) -> str:
        """Return the digest that the manifest of a stage over these shards must have."""
        if self.stage(stage).whole is not None:
            return self.key(stage)
        return fingerprint_of(stage, {name: self.key(stage, name) for name in shards})

    def done(self, stage: str, shards: Iterable[str]) -> Manifest | None:
        """Return the manifest of a stage that is whole and current over these shards, else None."""
        folder = self.folder(stage)
        try:
            return folder.manifest() if folder.holds(self.fingerprint(stage, shards)) else None
        except (OSError, KeyError, FolderError):
            return None

    def list_done(self, problems: Mapping[str, LoadedProblems]) -> list[Manifest]:
        """Return the manifests of all stages where nothing is left to make of these problems, else none."""
        self.sources["problems"] = problems
        manifests: list[Manifest] = []
        for stage in table.STAGES:
            if stage.record is None:
                continue
            manifest = self.done(stage.name, problems)
            if manifest is None or any(manifest.counts.get(count) for count in _FAULTS.values()):
                return []
            manifests.append(manifest)
        return manifests

    def finish(self, stage: str, shards: Iterable[str]) -> Manifest:
        """Write the manifest of a stage with complete shards; other shards are removed."""
        names = list(shards)
        return self.folder(stage).finish(names, self.fingerprint(stage, names), versions_of(self.stage(stage)))

    def forget_faults(self) -> None:
        """Remove shards in which a server failed requests or a sandbox broke, so that they are made again."""
        for stage, count in _FAULTS.items():
            folder = self.folder(stage)
            for name in folder.shard_names():
                if folder.counts(name).get(count):
                    (folder.path / name).unlink(missing_ok=True)

    def _contents(self, stage: Stage, shard: str) -> Sequence[str]:
        if stage.whole is None:
            source = stage.contents(self.sources[stage.made_by or stage.name][shard]) if stage.contents else ()
            return [*source, *(self._content(name, shard) for name in stage.reads)]
        contents = []
        for name in stage.reads:
            contents += [self._content(name, part) for part in self.folder(name).shard_names()]
        marks = stage.marks(self.run_dir)
        return [*contents, marks] if marks else contents

    def _content(self, stage: str, shard: str) -> str:
        """Return the digest of a shard's rows, by the manifest of a stage that is done, else by the shard."""
        folder = self.folder(stage)
        try:
            mark = (folder.path / MANIFEST).stat().st_mtime_ns
        except OSError:
            return folder.content(shard)
        if self._listed.get(stage, (0, {}))[0] != mark:
            manifest = folder.manifest()
            files = manifest.files if manifest is not None else ()
            self._listed[stage] = mark, {file.name: file.content for file in files}
        return self._listed[stage][1].get(shard) or folder.content(shard)

    def _make(self, stage: Stage, shard: str, source: Any, on_done: Callable[[int], None]) -> None:
        assert stage.run is not None, f"{stage.name} makes no shards"
        assert self.tools is not None, "a chain that is only looked at"
        inputs = Inputs(
            run_dir=self.run_dir,
            shard=shard,
            rows={name: self.rows(name, shard) for name in stage.reads},
            source=source,
            versions={name: self.stage(name).version for name in stage.reads},
            on_done=on_done,
        )
        reuse = stage.reuse(inputs, self.config) if stage.reuse is not None else {}
        before = {name: self._reusable(name, shard, digests) for name, digests in reuse.items()}
        made = stage.run(replace(inputs, before=before), self.config, self.tools)
        parts = list(zip((stage.name, *stage.beside), made, strict=True))
        for name, part in reversed(parts):  # the one that says that all are there comes last
            digests = reuse.get(name, {})
            part = replace(part, reuse=digests.get("", digests))
            self.folder(name).write_shard(shard, self.key(name, shard), part)
            self._keep(name, shard, part.records)

    def _reusable(self, stage: str, shard: str, digests: Mapping[str, str]) -> dict[str, list[Any]]:
        folder = self.folder(stage)
        if "" in digests:
            return {"": folder.reusable(shard, digests[""])}
        return folder.reusable_by_problem(shard, digests)

    def _keep(self, stage: str, shard: str, rows: Any) -> None:
        """Keep rows for the stages that read them next; the oldest are let go."""
        with self._keeping:
            self._rows[stage, shard] = rows
            while len(self._rows) > 1 and sum(map(len, self._rows.values())) > _MAX_ROWS:
                self._rows.popitem(last=False)


def fingerprint_of(stage: str, keys: Mapping[str, str]) -> str:
    """Return the digest that the manifest of a stage has over the keys of its shards."""
    return digest(stage, *(f"{name}={key}" for name, key in sorted(keys.items())))
