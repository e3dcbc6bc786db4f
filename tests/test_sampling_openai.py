import asyncio
import email.utils
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pairsmith.pipeline.sampling.errors import SamplingError
from pairsmith.pipeline.sampling.filling import sample_problems
from pairsmith.pipeline.sampling.openai_backend import MAX_TRIES, OpenAISampler
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, Trouble
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.openai_server import Answer, Server, completion, serving
from tests.sampling_kit import make_problem, make_request, only_drawn

KEY = "sk-secret-4711"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def open_server(server: Server, said: list[str] | None = None, **settings: Any) -> OpenAISampler:
    config = SamplingConfig(backend="openai", base_url=server.url, model="served", **settings)
    return OpenAISampler(config, KEY, (said if said is not None else []).append, first_wait_s=0.005)


def ask(sampler: OpenAISampler, n: int = 12) -> dict[int, Drawn]:
    drawn = only_drawn(sampler.sample([make_request(i) for i in range(n)]))
    by_index = {one.request.index: one for one in drawn}
    assert len(by_index) == len(drawn), "nothing is doubled"
    return by_index


def test_a_chat_answer_with_its_counts(server: Server) -> None:
    drawn = ask(open_server(server))
    assert {i: one.completion for i, one in drawn.items()} == {i: f"seed {1000 + i}" for i in range(12)}
    first = drawn[0]
    assert (first.n_prompt_tokens, first.n_tokens, first.finish_reason, first.mean_logprob, first.seed) == (
        11, 2, "stop", -0.5, 1000,
    )  # fmt: skip
    assert set(server.paths) == {"/v1/chat/completions"}
    assert set(server.keys) == {f"Bearer {KEY}"}


def test_a_continuation_goes_to_completions_with_its_stop_texts(server: Server) -> None:
    bodies: list[dict[str, Any]] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        bodies.append(body)
        choice = {"text": " x", "finish_reason": "length", "logprobs": {"token_logprobs": [None, -1.0]}}
        return 200, {}, json.dumps({"choices": [choice]}).encode()

    server.script = script
    request = make_request(opening=Opening("continuation", "def f():"), stop=("\ndef ",))
    (one,) = only_drawn(open_server(server).sample([request]))
    assert server.paths == ["/v1/completions"]
    assert (bodies[0]["prompt"], bodies[0]["stop"], bodies[0]["n"], bodies[0]["max_tokens"]) == (
        "def f():", ["\ndef "], 1, 8,
    )  # fmt: skip
    assert (one.completion, one.finish_reason, one.mean_logprob, one.n_prompt_tokens) == (" x", "length", -1.0, -1)


FAULTS: dict[str, Callable[[], Answer]] = {
    "429": lambda: (429, {"Retry-After": "0.01"}, b"slow down"),
    "429 with a date": lambda: (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""),
    "429 with nonsense": lambda: (429, {"Retry-After": "soon"}, b""),
    "500": lambda: (500, {}, b"oops"),
    "503": lambda: (503, {}, b""),
    "cut off": lambda: (200, {"Content-Length": "9999", "Connection": "close"}, b'{"choices": ['),
    "not JSON": lambda: (200, {}, b"<html>"),
    "not UTF-8": lambda: (200, {}, b'{"choices": "\xff"}'),
    "no choices": lambda: (200, {}, b'{"choices": []}'),
    "other JSON": lambda: (200, {}, b'[{"error": 1}]'),
    "a number for a text": lambda: (200, {}, b'{"choices": [{"message": {"content": 5}}]}'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_passes_is_tried_again_and_nothing_is_lost_or_doubled(server: Server, fault: str) -> None:
    server.script = lambda body, n: FAULTS[fault]() if n <= 2 and body["seed"] % 2 else completion("ok")
    drawn = ask(open_server(server))
    assert sorted(drawn) == list(range(12))
    assert server.tries == {1000 + i: 3 if i % 2 else 1 for i in range(12)}


def test_a_hanging_server_is_given_up_and_asked_again(server: Server) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        if n == 1 and body["seed"] == 1003:
            time.sleep(1.0)
        return completion("ok")

    server.script = script
    assert sorted(ask(open_server(server, request_limit_s=0.2), 6)) == list(range(6))
    assert server.tries[1003] == 2


def test_retry_after_is_honoured(server: Server) -> None:
    server.script = lambda body, n: (429, {"Retry-After": "0.3"}, b"") if n == 1 else completion("ok")
    started = time.monotonic()
    ask(open_server(server), 1)
    assert 0.3 <= time.monotonic() - started < 5

    def wait() -> str:
        return email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)

    server.tries.clear()
    server.script = lambda body, n: (429, {"Retry-After": wait()}, b"") if n == 1 else completion("ok")
    started = time.monotonic()
    ask(open_server(server), 1)
    assert time.monotonic() - started >= 0.9  # dates have whole seconds


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "api_key_variable"), (403, "key"), (404, r"sampling\.model")]
)
def test_a_refusal_stops_at_once_and_does_not_tell_the_key(server: Server, status: int, advice: str) -> None:
    server.script = lambda body, n: (status, {}, f"Incorrect API key {KEY}\nprovided".encode())
    with pytest.raises(SamplingError, match=advice) as caught:
        ask(open_server(server, concurrency=2), 50)
    assert len(server.paths) <= 4
    assert str(status) in str(caught.value)
    assert KEY not in str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)
    assert "\n" not in str(caught.value)


def test_a_prompt_that_the_server_refuses_is_left_out_and_said(server: Server) -> None:
    answers: dict[int, Answer] = {1004: (400, {}, b"prompt is too long"), 1005: (422, {}, b"bad word")}
    server.script = lambda body, n: answers.get(body["seed"]) or completion("ok")
    outcomes = list(open_server(server).sample([make_request(i) for i in range(12)]))
    failures = {one.request.index: one for one in outcomes if isinstance(one, Failure)}
    assert {i: (one.trouble, one.reason) for i, one in failures.items()} == {
        4: (Trouble.TOO_LONG, "HTTP 400: prompt is too long"), 5: (Trouble.REFUSED, "HTTP 422: bad word"),
    }  # fmt: skip
    assert (server.tries[1004], server.tries[1005]) == (1, 1)
    assert len(outcomes) == 12


def test_a_server_that_is_gone_stops_the_run_early_with_the_cause(server: Server) -> None:
    server.script = lambda body, n: (500, {}, b"dead")
    problems = [make_problem(f"f{i}") for i in range(40)]
    with pytest.raises(SamplingError, match=r"requests for 5 prompts in a row failed \(server_error: HTTP 500"):
        sample_problems(problems, open_server(server, concurrency=8), SamplingConfig(n=2), 0)
    assert max(server.tries.values()) == MAX_TRIES
    assert len(server.tries) <= 16, "most prompts were never asked for"


def test_nobody_at_the_address_is_said(server: Server) -> None:
    config = SamplingConfig(backend="openai", base_url="http://127.0.0.1:9/v1")
    sampler = OpenAISampler(config, None, print, first_wait_s=0.001)
    (failure,) = sampler.sample([make_request()])
    assert isinstance(failure, Failure)
    assert (failure.trouble, "ConnectError" in failure.reason) == (Trouble.CUT_OFF, True)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host/v1", "http://"])
def test_an_address_that_is_none_is_an_error_before_anything_is_sent(url: str) -> None:
    with pytest.raises(SamplingError, match=r"sampling\.base_url"):
        OpenAISampler(SamplingConfig(base_url=url), None, print)


def test_an_empty_answer_is_an_answer(server: Server) -> None:
    server.script = lambda body, n: completion(None if body["seed"] % 2 else "")
    assert {one.completion for one in ask(open_server(server), 4).values()} == {""}


def test_no_more_requests_than_asked_are_under_way(server: Server) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        time.sleep(0.02)
        return completion("ok")

    server.script = script
    ask(open_server(server, concurrency=3), 15)
    assert 2 <= server.n_most <= 3


def test_a_caller_that_stops_early_leaves_no_thread(server: Server) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        time.sleep(0.01)
        return completion("ok")

    server.script = script
    drawn = open_server(server, concurrency=2).sample([make_request(i) for i in range(200)])
    next(drawn)
    drawn.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "openai-sampler"]
    assert len(server.paths) < 100


def test_it_works_inside_a_running_event_loop(server: Server) -> None:
    async def main() -> list[Drawn]:
        requests: list[Request] = [make_request(i) for i in range(3)]
        return only_drawn(open_server(server).sample(requests))

    assert len(asyncio.run(main())) == 3


def in_a_row(n: int) -> list[Request]:
    return [make_request(i, number=i) for i in range(n)]


def choices(seed: int, n: int, total: int | None = None) -> Answer:
    found = [{"index": i, "message": {"content": f"seed {seed + i}"}, "finish_reason": "stop"} for i in range(n)]
    usage = {"prompt_tokens": 7, **({"completion_tokens": total} if total is not None else {})}
    return 200, {}, json.dumps({"choices": found[::-1], "usage": usage}).encode()


def test_draws_of_one_prompt_are_one_request_where_the_server_takes_n(server: Server) -> None:
    server.script = lambda body, n: choices(body["seed"], body["n"], 5 * body["n"])
    drawn = only_drawn(open_server(server, n_a_request=8).sample(in_a_row(20)))
    assert sorted(server.tries) == [1000, 1008, 1016]
    assert {one.request.index: one.completion for one in drawn} == {i: f"seed {1000 + i}" for i in range(20)}
    assert {(one.n_tokens, one.seed - one.request.index) for one in drawn} == {(5, 1000)}


def test_a_server_that_gives_fewer_than_asked_is_asked_for_the_rest(server: Server) -> None:
    bodies: list[int] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        bodies.append(body["n"])
        return choices(body["seed"], 1)

    server.script = script
    drawn = only_drawn(open_server(server, n_a_request=8, concurrency=1).sample(in_a_row(24)))
    assert {one.request.index: one.completion for one in drawn} == {i: f"seed {1000 + i}" for i in range(24)}
    assert bodies.count(1) >= 20, "after some short answers it asks for one at a time"


def test_a_server_that_refuses_n_is_asked_one_by_one(server: Server) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        return (400, {}, b"only one choice is allowed") if body["n"] > 1 else choices(body["seed"], 1)

    server.script = script
    assert len(only_drawn(open_server(server).sample(in_a_row(20)))) == 20
    assert len(server.paths) <= 23


@pytest.mark.parametrize("field", ["logprobs", "seed"])
def test_a_field_that_a_server_refuses_is_left_out_from_then_on(server: Server, field: str) -> None:
    said: list[str] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        if field in body:
            return 400, {}, f"this model does not support {field}".encode()
        return completion("ok")

    server.script = script
    server.tries = defaultdict(int)
    (first, *_) = only_drawn(open_server(server, said, concurrency=1).sample([make_request(i) for i in range(6)]))
    assert first.seed == (-1 if field == "seed" else 1000)
    assert len(server.paths) == 7
    assert len(said) == 1
    assert f"`{field}`" in said[0]


def test_requests_go_to_all_servers_and_away_from_one_that_is_full(server: Server) -> None:
    other = Server()
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        other.script = lambda body, n: (429, {"Retry-After": "30"}, b"full")
        config = SamplingConfig(
            backend="openai", base_url=(other.url, server.url), model="served", request_limit_s=5.0
        )
        started = time.monotonic()
        sampler = OpenAISampler(config, None, print, first_wait_s=0.005)
        assert len(only_drawn(sampler.sample([make_request(i) for i in range(60)]))) == 60
        assert time.monotonic() - started < 20, "nobody waits for the full one"
        assert 1 <= len(other.paths) <= 8
    finally:
        other.shutdown()
        thread.join()
        other.server_close()


def test_text_that_utf8_cannot_hold_is_replaced(server: Server) -> None:
    server.script = lambda body, n: (200, {}, b'{"choices": [{"message": {"content": "a\\ud800b"}}]}')
    (one,) = ask(open_server(server), 1).values()
    assert one.completion.encode() == "a\ufffd\ufffd\ufffdb".encode()


def test_the_log_probabilities_of_tokens_are_kept_where_asked_for(server: Server) -> None:
    (one,) = ask(open_server(server, token_logprobs=True), 1).values()
    assert one.token_logprobs == (-0.25, -0.75)
    (one,) = ask(open_server(server), 1).values()
    assert one.token_logprobs == ()
    assert one.wall_s > 0


def test_requests_are_taken_as_they_can_be_sent(server: Server) -> None:
    taken: list[int] = []

    def stream() -> Iterator[Request]:
        for i in range(500):
            taken.append(i)
            yield make_request(i)

    drawn = open_server(server, concurrency=2).sample(stream())
    next(drawn)
    assert len(taken) < 20
    drawn.close()  # type: ignore[attr-defined]
