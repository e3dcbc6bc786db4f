"""An environment of OpenEnv over exported problems: an episode is a problem, its one step a completion.

`pairsmith export --form openenv` writes a package that serves it. It needs the package `openenv`, and runs where
pairsmith's sandbox does.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pyarrow.parquet as pq
from openenv.core.env_server import Action, Environment, Observation, State, create_app

from pairsmith import rewards

SPLITS = ("train", "test")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


class CompletionAction(Action):  # type: ignore[misc] # OpenEnv carries no types
    """What the model answered, as it wrote it."""

    completion: str


class ProblemObservation(Observation):  # type: ignore[misc]
    """A problem as chat messages; `reward` is None before the step, and where nothing is decided."""

    problem_id: str
    prompt: list[dict[str, str]]


class CodeEnvironment(Environment):  # type: ignore[misc]
    """Problems that `pairsmith.rewards.passed` judges; expected values never leave the server."""

    SUPPORTS_CONCURRENT_SESSIONS: ClassVar[bool] = True  # the judge of a process takes requests of many threads

    def __init__(self, rows: Rows) -> None:
        """Take the rows of each split, see `pipeline.publishing.rl`."""
        super().__init__()
        self._rows = rows
        self._row: Mapping[str, Any] | None = None
        self._state = State(episode_id=str(uuid4()))

    def list_splits(self) -> list[str]:
        """Return the splits that have problems."""
        return [split for split in SPLITS if self._rows.get(split)]

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """Return all problems of a split, without what judges them."""
        return self.get_task_range(split)

    def num_tasks(self, split: str) -> int:
        """Return the number of problems of a split."""
        return len(self._rows.get(split, ()))

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """Return one problem.

        Raises:
            IndexError: there is none.
        """
        row = self._rows.get(split, ())[index]
        shown = {name: value for name, value in row.items() if name != "problem"}
        return {"id": row["problem_id"], "split": split, "index": index, **shown}

    def get_task_range(
        self, split: str, start: int | None = None, stop: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the problems at the places of a slice."""
        return [self.get_task(split, index) for index in range(self.num_tasks(split))[start:stop]]

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        split: str = "train",
        index: int | None = None,
        **_: Any,
    ) -> ProblemObservation:
        """Begin an episode with the problem at `index` of a split, else with one that the seed picks.

        Raises:
            IndexError: there is none.
        """
        rows = self._rows.get(split, ())
        self._row = rows[random.Random(seed).randrange(len(rows)) if index is None and rows else index or 0]
        self._state = State(episode_id=episode_id or str(uuid4()), step_count=0)
        return self._observe(self._row)

    def step(self, action: CompletionAction, timeout_s: float | None = None, **_: Any) -> ProblemObservation:
        """Judge a completion, which ends the episode.

        Raises:
            ValueError: no episode has begun, or it is over.
        """
        if self._row is None:
            raise ValueError("reset first: an episode is one completion of one problem")
        row, self._row = self._row, None
        self._state.step_count += 1
        (reward,) = rewards.passed(completions=[action.completion], problem=[row["problem"]])
        return self._observe(row, done=True, reward=reward)

    def _observe(self, row: Mapping[str, Any], **more: Any) -> ProblemObservation:
        return ProblemObservation(problem_id=row["problem_id"], prompt=row["prompt"], **more)

    @property
    def state(self) -> State:
        """Return the episode and how many steps it has had."""
        return self._state


def make_app(folder: Path, max_concurrent_envs: int = 64) -> Any:
    """Return the server, a FastAPI application, of an exported folder.

    Args:
        folder: with `train.parquet` and `test.parquet`.
        max_concurrent_envs: sessions at a time; how many programs run at a time is the judge's own limit.
    """
    paths = {split: folder / f"{split}.parquet" for split in SPLITS}
    rows = {split: pq.read_table(path).to_pylist() for split, path in paths.items() if path.is_file()}
    return create_app(
        lambda: CodeEnvironment(rows), CompletionAction, ProblemObservation, env_name="pairsmith",
        max_concurrent_envs=max_concurrent_envs,
    )  # fmt: skip
