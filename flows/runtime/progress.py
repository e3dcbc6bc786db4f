"""Progress artifacts of a served run: a bar a stage on its page in Prefect."""

import contextlib
import contextvars
import threading
from collections.abc import Iterator
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from pairsmith.flows.runtime.reporting import reporter

_EVERY_S = 5.0  # two calls of some 10 ms a stage: a small part of a thousandth of the time


@contextlib.contextmanager
def shown_progress(every_s: float = _EVERY_S) -> Iterator[None]:
    """Keep an artifact for each stage that is at work up to date, from a thread of its own."""
    ended = threading.Event()
    shown: dict[str, tuple[UUID, float]] = {}

    def show() -> None:
        for name, stage in list(reporter().stages.items()):
            percent = min(100.0, 100.0 * stage.n_done / stage.total) if stage.total > 0 else 0.0
            known = shown.get(name)
            with contextlib.suppress(Exception):  # a server that is away must not end a run
                if known is None:
                    key = f"pairsmith-{name.replace('_', '-')}"
                    made = create_progress_artifact(percent, key=key, description=f"{stage.total} {stage.unit}")
                    shown[name] = (made, percent)  # type: ignore[assignment]
                elif known[1] != percent:
                    update_progress_artifact(known[0], progress=percent)
                    shown[name] = (known[0], percent)

    def work() -> None:
        while not ended.wait(every_s):
            show()

    context = contextvars.copy_context()  # the flow run that the artifacts belong to
    thread = threading.Thread(target=context.run, args=(work,), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(2 * every_s)
        show()
