"""What the tests of the viewer share: a hostile run, the application in this process, a server for a browser."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import uvicorn

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.viewer.pages import make_app
from pairsmith.pipeline.viewer.serving import TOKEN, Guard, allowed_hosts, open_listener
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.pair import Pair

HOST = "127.0.0.1:8765"
SECRET = "a token"


def client_of(run: Path) -> httpx.AsyncClient:
    """Return a client of a guarded viewer in this process."""
    guarded = Guard(make_app(run), {HOST}, SECRET)
    return httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url=f"http://{HOST}")


def own_headers(**changes: str) -> dict[str, str]:
    """Return the headers of the viewer's own page."""
    return {"Origin": f"http://{HOST}", TOKEN: SECRET, **changes}


@contextmanager
def served(run: Path) -> Iterator[str]:
    """Serve the viewer of a run in a thread; give its address."""
    listener = open_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    guarded = Guard(make_app(run), allowed_hosts("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(guarded, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def poison(run: Path, pair: Pair, text: str) -> None:
    """Have a candidate of a pair have written this, and its problem ask this."""
    changes: dict[str, dict[str, Any]] = {
        "candidates": {"completion": text, "prompt": text, "model": text},
        "programs": {"code": text},
    }
    for stage, values in changes.items():
        folder = stage_folder(run, stage)
        for name in folder.shard_names():
            rows = folder.read(name)
            if any(row.candidate_id == pair.rejected_id for row in rows):
                changed = [replace(row, **values) if row.candidate_id == pair.rejected_id else row for row in rows]
                pq.write_table(to_table(changed, type(rows[0])), folder.path / name)
    folder = stage_folder(run, "pairs")
    for name in folder.shard_names():
        rows = folder.read(name)
        changed = [
            replace(row, rejected_detail=text[:5000]) if row.pair_id == pair.pair_id else row for row in rows
        ]
        pq.write_table(to_table(changed, Pair), folder.path / name)
