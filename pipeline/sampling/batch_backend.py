"""Sampling by OpenAI's batch API: at half the price at hosted providers, within a day.

All requests are submitted as files. Which draw is in which batch is kept in a folder until its answers were taken,
so that a process that is started again waits for the same batches. A draw without an answer (an expired batch) is
a passing failure: the next run asks again.

Source: https://platform.openai.com/docs/api-reference/batch; a file has 50,000 requests and 200 MB at most.
"""

import copy
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import httpx

from pairsmith.pipeline.run.folder import read_tree, write_whole
from pairsmith.pipeline.sampling.openai_api import AnswerError, Dialect, is_too_long, make_body, parse_answer
from pairsmith.pipeline.sampling.openai_backend import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    MAX_BODY_BYTES,
    MAX_TRIES,
    REFUSED,
    RETRIED,
    OpenAISampler,
)
from pairsmith.pipeline.sampling.protocol import (
    Drawn,
    Failure,
    Request,
    SamplingError,
    ServerDownError,
    Trouble,
    group_requests,
)
from pairsmith.schemas.config.sampling import SamplingConfig

POLL_S = 30.0
_MOST_REQUESTS, _MOST_BYTES = 50_000, 190_000_000
_MOST_OPEN = (
    500_000  # completions that are waited for at a time, for this process's memory; or sampling.concurrency
)
_LIMIT_S = 600.0  # without a byte, for a call
_ENDED = ("completed", "expired", "cancelled")
_NAME = re.compile(r"[\w-]{1,200}")
Places = dict[int, Request]  # requests of one line of a batch, by the number of their choice
Lines = dict[str, Places]  # of one batch, by `custom_id`


class BatchSampler(OpenAISampler):
    """A server with OpenAI's batch API."""

    backend = "openai-batch"

    def __init__(
        self,
        config: SamplingConfig,
        api_key: str | None,
        report: Callable[[str], None],
        folder: Path,
        poll_s: float = POLL_S,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        """Make a sampler; nothing is sent yet.

        Args:
            folder: keeps which draws are in which batch; shared by the runs of a machine.
            poll_s: seconds until a batch is asked for its state again.
        """
        super().__init__(config, api_key, report, first_wait_s)
        self._folder, self._poll_s = folder, poll_s
        self._said: dict[str, str] = {}
        self._sent: dict[str, Dialect] = {}  # how the batches of this process were asked for
        self._alone: set[str] = set()  # draws that were refused together with others of their prompt

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw completions, as batches end."""
        source, most = iter(requests), self._config.concurrency or _MOST_OPEN
        known, batches, again = self._read_known(), dict[str, Lines](), list[Request]()
        with httpx.Client(headers=self._headers, timeout=_LIMIT_S, trust_env=False) as client:
            while True:
                n_open = sum(len(places) for lines in batches.values() for places in lines.values())
                new, again = again, []
                for request in islice(source, max(0, most - n_open - len(new))):
                    if request.candidate_id in known:
                        identity, line, place = known.pop(request.candidate_id)
                        batches.setdefault(identity, {}).setdefault(line, {})[place] = request
                    else:
                        new.append(request)
                for path, lines, content in self._files(new):
                    batches[self._submit(client, path, lines, content)] = lines
                if not batches:
                    return
                states = {identity: self._state(client, identity) for identity in batches}
                for identity, state in states.items():
                    if state["status"] in _ENDED:
                        yield from self._collect(client, state, batches.pop(identity), again)
                        (self._folder / f"{identity}.json").unlink(missing_ok=True)
                if len(batches) == len(states):
                    time.sleep(self._poll_s)

    def _read_known(self) -> dict[str, tuple[str, str, int]]:
        """Return the batch, line and place of each draw that an earlier process asked this server for."""
        known: dict[str, tuple[str, str, int]] = {}
        for path in sorted(self._folder.glob("*.json")):
            kept = read_tree(path)
            for line, identities in kept.get("lines", {}).items() if kept.get("url") == self.urls[0] else ():
                known |= {identity: (path.stem, line, place) for place, identity in enumerate(identities)}
        return known

    def _files(self, requests: list[Request]) -> Iterator[tuple[str, Lines, bytes]]:
        """Yield the batches that some requests make: path of the API, lines, content of the file."""
        files: dict[str, tuple[Lines, bytearray]] = {}
        together = [request for request in requests if request.candidate_id not in self._alone]
        alone = ((request,) for request in requests if request.candidate_id in self._alone)
        for group in (*group_requests(together, lambda: self._n_most), *alone):
            path, body = make_body(group, self.served_name, self._dialect)
            row = {"custom_id": group[0].candidate_id, "method": "POST", "url": f"/v1{path}", "body": body}
            text = json.dumps(row).encode() + b"\n"
            lines, content = files.setdefault(path, ({}, bytearray()))
            if len(lines) == _MOST_REQUESTS or len(content) + len(text) > _MOST_BYTES:
                yield path, lines, bytes(content)
                lines, content = files[path] = {}, bytearray()
            lines[group[0].candidate_id] = dict(enumerate(group))
            content += text
        for path, (lines, content) in files.items():
            yield path, lines, bytes(content)

    def _submit(self, client: httpx.Client, path: str, lines: Lines, content: bytes) -> str:
        """Submit a batch, keep what is in it, and return its id."""
        file = self._json(
            client, "POST", "/files", files={"file": ("batch.jsonl", content)}, data={"purpose": "batch"}
        )
        asked = {"input_file_id": file.get("id"), "endpoint": f"/v1{path}", "completion_window": "24h"}
        identity = str(self._json(client, "POST", "/batches", json=asked).get("id"))
        if not _NAME.fullmatch(identity):
            raise SamplingError(
                f"{self.urls[0]}: a batch without an id; does this server support OpenAI's batch API?"
            )
        self._sent[identity] = copy.deepcopy(self._dialect)
        kept = {line: [request.candidate_id for request in places.values()] for line, places in lines.items()}
        write_whole(self._folder / f"{identity}.json", json.dumps({"url": self.urls[0], "lines": kept}).encode())
        return identity

    def _state(self, client: httpx.Client, identity: str) -> Mapping[str, Any]:
        """Return the server's record of a batch.

        Raises:
            SamplingError: the batch failed as a whole.
        """
        state = {"status": "", **self._json(client, "GET", f"/batches/{identity}"), "id": identity}
        counts = state.get("request_counts") or {}
        n_done = f"{counts.get('completed', 0)} of {counts.get('total', 0)} requests"
        said = f"batch {identity}: {state['status']}, {n_done}"
        if self._said.get(identity) != said:
            self._said[identity] = said
            self._report(said)
        if state["status"] == "failed":
            (self._folder / f"{identity}.json").unlink(missing_ok=True)
            reason = self._clean(json.dumps(state.get("errors")))
            raise SamplingError(
                f"batch {identity} failed ({reason}); sampling.concurrency limits what is enqueued"
            )
        return state

    def _collect(
        self, client: httpx.Client, state: Mapping[str, Any], lines: Lines, again: list[Request]
    ) -> Iterator[Drawn | Failure]:
        """Yield the outcomes of a batch; what is to be asked for in another way goes to `again`."""
        sent = self._sent.get(str(state["id"]), Dialect(set() if self._config.asks_log_probs else {"logprobs"}))
        for name in filter(None, (state.get("output_file_id"), state.get("error_file_id"))):
            with self._answered(client, "GET", f"/files/{name}/content") as file:
                while text := file.readline(MAX_BODY_BYTES):
                    try:
                        row = json.loads(text)
                        places = lines.pop(row["custom_id"], {})
                    except (ValueError, KeyError, TypeError, RecursionError):
                        continue  # its draws are without an answer
                    yield from self._outcomes(row, places, sent, again)
        for places in lines.values():
            for request in places.values():
                yield Failure(
                    request, Trouble.TIMEOUT, f"batch {state['id']}: {state['status']} without an answer"
                )

    def _outcomes(
        self, row: Mapping[str, Any], places: Places, sent: Dialect, again: list[Request]
    ) -> Iterator[Drawn | Failure]:
        """Yield what came of one line of a batch, which was sent in a dialect."""
        if not places:  # all of its draws are there already
            return
        first, answer = next(iter(places.values())), row.get("response") or {}
        _, body = make_body([first], self.served_name, sent)
        status = answer.get("status_code") if isinstance(answer, dict) else None
        drawn: list[Drawn] = []
        if status == 200:
            trouble, reason = Trouble.MISSING, "fewer choices than requested"
            asked = [places.get(place, first) for place in range(max(places) + 1)]
            content, keeps = json.dumps(answer.get("body")).encode(), self._config.token_logprobs
            try:
                drawn = parse_answer(content, asked, 0.0, "seed" in body, keeps)
            except AnswerError as error:
                trouble, reason = error.trouble, str(error)
        else:
            text = json.dumps(row.get("error") or answer)
            trouble, reason = Trouble.SERVER_ERROR, f"HTTP {status}: {self._clean(text)}"
            if is_too_long(text):
                trouble = Trouble.TOO_LONG
            elif status is not None and 400 <= status < 500 and status not in RETRIED:
                trouble = Trouble.REFUSED
                learned = self._dialect.learn(text, body)
                if learned or len(places) > 1:  # perhaps the server takes no n
                    self._alone |= set() if learned else {request.candidate_id for request in places.values()}
                    self.asks_log_probs = "logprobs" not in self._dialect.left_out
                    again += places.values()
                    return
        for place, request in places.items():
            yield drawn[place] if place < len(drawn) else Failure(request, trouble, reason)

    def _json(self, client: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:
        with self._answered(client, method, path, **options) as file:
            try:
                found = json.loads(file.read())
            except (ValueError, RecursionError):
                found = None
        if not isinstance(found, dict):
            raise SamplingError(f"{self.urls[0]}{path}: invalid response of the server")
        return found

    @contextmanager
    def _answered(self, client: httpx.Client, method: str, path: str, **options: Any) -> Iterator[IO[bytes]]:
        """Give the answer to a call as a temporary file; what may pass is tried again.

        Raises:
            SamplingError: the server refuses the call, or is gone.
        """
        with tempfile.SpooledTemporaryFile(max_size=1 << 20) as file:
            for number in range(MAX_TRIES):
                if number:
                    time.sleep(min(self._first_wait_s * 2 ** (number - 1), LONGEST_WAIT_S))
                file.seek(0)
                file.truncate()
                try:
                    with client.stream(method, f"{self.urls[0]}{path}", **options) as answer:
                        for part in answer.iter_bytes():
                            file.write(part)
                except httpx.HTTPError as error:
                    reason = self._clean(f"{type(error).__name__}: {error}")
                    continue
                file.seek(0)
                if answer.status_code < 400:
                    yield file
                    return
                reason = f"HTTP {answer.status_code}: {self._clean(file.read(2000).decode('utf-8', 'replace'))}"
                if answer.status_code not in RETRIED:
                    words = REFUSED.get(answer.status_code, "{reason}").format(reason=reason)
                    raise SamplingError(f"{self.urls[0]}{path}: {words}")
        raise ServerDownError(f"{self.urls[0]}{path}: {reason} (tried {MAX_TRIES} times); batches are kept")
