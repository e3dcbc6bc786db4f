import asyncio
import email.utils
import itertools
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from pairsmith.pipeline.sampling.concurrency import FIRST
from pairsmith.pipeline.sampling.filling import sample_problems
from pairsmith.pipeline.sampling.openai_backend import MAX_TRIES, N_OWN_500, OpenAISampler, request_limit_s
from pairsmith.pipeline.sampling.planning import Arm, Draw, deal, list_arms, plan_problem
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, SamplingError, Trouble
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.openai_server import Answer, Server, completion, serving
from tests.sampling_kit import make_problem, make_request, only_drawn

pytestmark = pytest.mark.slow  # each talks to a server on loopback, and waits for its tries

KEY = "sk-secret-4711"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def open_server(
    server: Server, said: list[str] | None = None, limit_s: float | None = None, **settings: Any
) -> OpenAISampler:
    settings = {"max_tokens": 64, **settings}
    config = SamplingConfig(backend="openai", base_url=server.url, model="served", **settings)
    say = (said if said is not None else []).append
    return OpenAISampler(config, KEY, say, first_wait_s=0.005, limit_s=limit_s)


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


@pytest.mark.parametrize(
    ("row", "limit"),
    [
        ({"id": "served", "max_model_len": 8192}, 4096),  # vLLM, SGLang
        ({"id": "served", "context_length": 262_144}, 32_768),  # OpenRouter
        ({"id": "other", "max_model_len": 8192}, 4096),
        ({"id": "served", "max_model_len": "8k"}, 4096),
        ({"id": "served", "max_model_len": 2048}, 1024),
    ],
)
def test_the_limit_of_tokens_follows_the_context_that_a_server_tells(
    server: Server, row: dict[str, Any], limit: int
) -> None:
    server.metrics = lambda: json.dumps({"data": [row]})
    said: list[str] = []
    sampler = open_server(server, said, max_tokens=None)
    draws = [Draw(Arm("auto", 0.8, 0.95, 1.0), 0, 0)]
    config = SamplingConfig(backend="openai", base_url=server.url, model="served")
    (request,) = plan_problem(make_problem(), draws, config, 0, sampler).requests
    assert request.max_tokens == limit
    is_told = row["id"] == "served" and isinstance(row.get("max_model_len", row.get("context_length")), int)
    assert bool(said) is not is_told
    server.metrics = lambda: ""  # a server that tells nothing later: the draw is the same one
    again = open_server(server, said, max_tokens=None)
    (later,) = plan_problem(make_problem(), draws, config, 0, again).requests
    assert later.candidate_id == request.candidate_id
    assert said[-1].endswith("at most 4096 tokens per completion (sampling.max_tokens)")


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
    assert sorted(ask(open_server(server, limit_s=0.2), 6)) == list(range(6))
    assert server.tries[1003] == 2


@pytest.mark.slow
def test_requests_in_the_queue_of_a_busy_server_are_not_aborted(server: Server) -> None:
    """One place, 24 requests at a time: the last waits for many times the limit."""
    place = threading.Lock()

    def script(body: dict[str, Any], n: int) -> Answer:
        with place:
            time.sleep(0.05)
        return completion("ok")

    server.script = script
    assert sorted(ask(open_server(server, limit_s=0.4), 24)) == list(range(24))
    assert set(server.tries.values()) == {1}


@pytest.mark.parametrize(("is_working", "n_tries"), [(True, 1), (False, 2)])
def test_a_long_answer_is_waited_for_while_vllm_makes_tokens(
    server: Server, is_working: bool, n_tries: int
) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        if n == 1:
            time.sleep(1.2)
        return completion("ok")

    made = itertools.count(5)
    server.script = script
    server.metrics = lambda: (
        "# TYPE vllm:generation_tokens_total counter\n"
        f'vllm:generation_tokens_total{{engine="0"}} {next(made) if is_working else 5}.0\n'
    )
    assert list(ask(open_server(server, limit_s=0.4), 1)) == [0]
    assert server.tries == {1000: n_tries}


@pytest.mark.parametrize(("n_running", "is_more"), [(3, True), (10, False)])
def test_at_vllm_ended_sequences_take_no_place(
    server: Server, n_running: int, is_more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten may be drawn. The server says how many of the first ten run, and answers nobody for some reports."""
    monkeypatch.setattr("pairsmith.pipeline.sampling.openai_backend.REPORT_EVERY_S", 0.1)
    n_seen: list[int] = []
    enough = threading.Event()

    def metrics() -> str:
        n_seen.append(server.n_now)
        if len(n_seen) == 12:
            enough.set()
        return (
            f'vllm:generation_tokens_total 0.0\nvllm:num_requests_running{{engine="0"}} {n_running}.0\n'
            f"vllm:num_requests_waiting {max(0, server.n_now - 10)}.0\n"
        )

    def script(body: dict[str, Any], n: int) -> Answer:
        enough.wait(30)
        return completion("ok")

    server.script, server.metrics = script, metrics
    assert len(ask(open_server(server, concurrency=10), 40)) == 40
    assert (max(n_seen[:12]) > 10) is is_more


def test_a_request_asks_for_no_more_than_the_concurrency(server: Server) -> None:
    asked: list[int] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        asked.append(body["n"])
        return completion("ok")

    server.script = script
    list(open_server(server, n_per_request=16, concurrency=3).sample(in_a_row(8)))
    assert max(asked) == 3


@pytest.mark.slow
def test_vllm_is_asked_for_all_at_once(server: Server) -> None:
    most: list[int] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        deadline = time.monotonic() + 20
        while not most and server.n_now <= FIRST and time.monotonic() < deadline:  # nobody is answered until then
            time.sleep(0.05)
        most.append(server.n_now)
        return completion("ok")

    server.script = script
    server.metrics = lambda: "vllm:generation_tokens_total 0.0\n"
    ask(open_server(server, concurrency=100), 100)
    assert most[0] > FIRST, "that many before the first answer; a slow start begins with fewer"


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
    assert len(server.tries) <= 2 * FIRST, "most prompts were never asked for"


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
    drawn = only_drawn(open_server(server, n_per_request=8).sample(in_a_row(20)))
    assert sorted(server.tries) == [1000, 1008, 1016]
    assert {one.request.index: one.completion for one in drawn} == {i: f"seed {1000 + i}" for i in range(20)}
    assert {(one.n_tokens, one.seed - one.request.index) for one in drawn} == {(5, 1000)}


def test_a_server_that_gives_fewer_than_asked_is_asked_for_the_rest(server: Server) -> None:
    bodies: list[int] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        bodies.append(body["n"])
        return choices(body["seed"], 1)

    server.script = script
    drawn = only_drawn(open_server(server, n_per_request=8, concurrency=1).sample(in_a_row(24)))
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
    sampler = open_server(server, said, concurrency=1, log_probs="always")
    (first, *_) = only_drawn(sampler.sample([make_request(i) for i in range(6)]))
    assert sampler.asks_log_probs is (field != "logprobs")
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
        config = SamplingConfig(backend="openai", base_url=(other.url, server.url), model="served")
        started = time.monotonic()
        sampler = OpenAISampler(config, None, print, first_wait_s=0.005, limit_s=5.0)
        assert len(only_drawn(sampler.sample([make_request(i) for i in range(60)]))) == 60
        assert time.monotonic() - started < 20, "nobody waits for the full one"
        assert 1 <= len(other.paths) <= FIRST
    finally:
        other.shutdown()
        thread.join()
        other.server_close()


def test_the_last_requests_of_a_slow_server_are_raced_by_an_idle_one(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairsmith.pipeline.sampling.openai_backend.REPORT_EVERY_S", 0.05)
    other = Server()
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    end = threading.Event()

    def script(body: dict[str, Any], n: int) -> Answer:
        end.wait(30)
        return completion("slow")

    try:
        other.script = script
        config = SamplingConfig(backend="openai", base_url=(other.url, server.url), model="served", concurrency=4)
        sampler = OpenAISampler(config, None, print, first_wait_s=0.005, limit_s=20.0)
        started = time.monotonic()
        outcomes = list(sampler.sample([make_request(i) for i in range(40)]))
        assert time.monotonic() - started < 10
        assert sorted(one.request.index for one in outcomes) == list(range(40)), "each once"
        assert len(only_drawn(outcomes)) == 40
        assert len(other.paths) == 4
        assert len(server.paths) == 40
    finally:
        end.set()
        other.shutdown()
        thread.join()
        other.server_close()


def test_a_fault_of_some_requests_is_waited_out_at_several_servers_too(server: Server) -> None:
    """Both addresses are one server, which is broken for a while but does not end."""
    broken_until = time.monotonic() + 0.3
    server.script = lambda body, n: (500, {}, b"") if time.monotonic() < broken_until else completion("ok")
    config = SamplingConfig(backend="openai", base_url=(server.url, server.url + "/"), model="served")
    sampler = OpenAISampler(config, None, print, first_wait_s=0.05, limit_s=5.0)
    assert len(only_drawn(sampler.sample([make_request(i) for i in range(8)]))) == 8


def test_text_that_utf8_cannot_hold_is_replaced(server: Server) -> None:
    server.script = lambda body, n: (200, {}, b'{"choices": [{"message": {"content": "a\\ud800b"}}]}')
    (one,) = ask(open_server(server), 1).values()
    assert one.completion.encode() == "a\ufffd\ufffd\ufffdb".encode()


def test_the_log_probabilities_of_tokens_are_kept_where_asked_for(server: Server) -> None:
    (one,) = ask(open_server(server, token_logprobs=True), 1).values()
    assert one.token_logprobs == (-0.25, -0.75)
    (one,) = ask(open_server(server, log_probs="always"), 1).values()
    assert one.token_logprobs == ()
    assert one.mean_logprob == -0.5
    assert one.wall_s > 0


@pytest.mark.parametrize(
    ("settings", "is_asked"),
    [
        ({}, False),
        ({"log_probs": "always"}, True),
        ({"token_logprobs": True}, True),
        ({"log_probs": "always", "extra": {"logprobs": "none"}}, False),
    ],
)
def test_log_probabilities_are_asked_for_where_they_are_needed(
    server: Server, settings: dict[str, Any], is_asked: bool
) -> None:
    asked: list[bool] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        asked.append("logprobs" in body)
        return completion("ok")

    server.script = script
    ask(open_server(server, **settings), 1)
    assert asked == [is_asked]


def test_a_policy_that_compares_log_probabilities_asks_for_them() -> None:
    config = RunConfig.model_validate({"pairs": {"policies": [{"name": "likeliest_wrong"}]}})
    assert config.sampling.asks_log_probs
    assert not RunConfig().sampling.asks_log_probs


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


EXTRA = {
    "top_k": 20, "min_p": 0.05, "presence_penalty": 1.5, "logit_bias": {"50256": -100},
    "chat_template_kwargs": {"enable_thinking": False}, "provider": {"order": ["a", "b"], "fallbacks": False},
    "reasoning_effort": "none", "nobody_knows_this_yet": [1, {"deep": None}],
}  # fmt: skip


def test_extra_parameters_travel_untouched_through_identity_wire_and_record(server: Server) -> None:
    bodies: list[dict[str, Any]] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        bodies.append(body)
        return completion("ok")

    server.script = script
    plain = SamplingConfig(n=1, temperature=0.5)
    extra = plain.model_copy(update={"extra": EXTRA})
    problems = [make_problem()]
    (without,) = sample_problems(problems, open_server(server), plain, 0)
    (row,) = sample_problems(problems, open_server(server), extra, 0)
    assert {name: bodies[1][name] for name in EXTRA} == EXTRA
    assert not bodies[0].keys() & EXTRA.keys()
    assert json.loads(row.extra) == EXTRA
    assert (without.extra, without.candidate_id == row.candidate_id) == ("", False)
    turned = plain.model_copy(update={"extra": dict(reversed(EXTRA.items()))})
    (again,) = sample_problems(problems, open_server(server), turned, 0)
    assert again.candidate_id == row.candidate_id, "the order of keys says nothing"


@pytest.mark.parametrize("name", ["seed", "logprobs"])
def test_none_leaves_out_a_field_that_pairsmith_sends(server: Server, name: str) -> None:
    bodies: list[dict[str, Any]] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        bodies.append(body)
        return completion("ok")

    server.script = script
    config = SamplingConfig(n=1, extra={name: "none"})
    (row,) = sample_problems(
        [make_problem()], open_server(server, log_probs="always", extra=config.extra), config, 0
    )
    assert name not in bodies[0]
    assert (row.seed == -1) is (name == "seed")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"temperature": 1.0}, "set sampling.temperature"), ({"n": 2}, "set sampling.n"),
        ({"max_completion_tokens": 5}, "set sampling.max_tokens"), ({"stream": True}, "fixed by pairsmith"),
        ({"seed": 4}, "leaves it out"), ({"top_k": float("nan")}, "not JSON"),
    ],
)  # fmt: skip
def test_extra_parameters_that_have_a_setting_are_refused(extra: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SamplingConfig(extra=extra)


def test_a_model_that_wants_max_completion_tokens_gets_it_and_keeps_the_limit(server: Server) -> None:
    bodies: list[dict[str, Any]] = []

    def script(body: dict[str, Any], n: int) -> Answer:
        bodies.append(body)
        if "max_tokens" in body:
            words = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return 400, {}, json.dumps({"error": {"message": words, "param": "max_tokens"}}).encode()
        return completion("ok")

    server.script = script
    said: list[str] = []
    assert len(ask(open_server(server, said, concurrency=1), 6)) == 6
    assert [body.get("max_completion_tokens") for body in bodies] == [None, *[8] * 6]
    assert len(said) == 1


def test_a_temperature_that_the_model_refuses_is_not_dropped(server: Server) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        words = b"'temperature' does not support 0.5 with this model. Only the default (1) value is supported."
        return (400, {}, words) if "temperature" in body else completion("ok")

    server.script = script
    (failure,) = open_server(server).sample([make_request(temperature=0.5)])
    assert isinstance(failure, Failure)
    assert failure.trouble is Trouble.REFUSED
    assert len(ask(open_server(server), 2)) == 2, "1 is what the model takes anyway"


def test_one_bad_prompt_does_not_end_n_for_all_others(server: Server) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        if body["messages"][-1]["content"] == "bad":
            return 400, {}, b"this prompt is not allowed"
        return choices(body["seed"], body["n"])

    server.script = script
    requests = [
        make_request(16 * i + k, "bad" if i % 5 == 0 else f"p{i}", number=k) for i in range(20) for k in range(16)
    ]
    outcomes = list(open_server(server).sample(requests))
    assert sum(isinstance(one, Drawn) for one in outcomes) == 16 * 16
    assert {one.trouble for one in outcomes if isinstance(one, Failure)} == {Trouble.REFUSED}
    assert len(server.paths) == 16 + 4 * 2, "a bad prompt costs two requests, a good one stays one"


@pytest.mark.slow
def test_a_permanent_500_for_one_prompt_ends_after_a_few_tries_and_is_not_asked_again(server: Server) -> None:
    def script(body: dict[str, Any], n: int) -> Answer:
        if body["seed"] == 1003:
            return 500, {}, b"KeyError"
        time.sleep(0.02 if server.tries[1003] < N_OWN_500 else 0.0)  # others are still answered between the tries
        return completion("ok")

    server.script = script
    outcomes = list(open_server(server, concurrency=4).sample([make_request(i) for i in range(400)]))
    (failure,) = [one for one in outcomes if isinstance(one, Failure)]
    assert (len(outcomes), failure.request.seed, failure.trouble) == (400, 1003, Trouble.REFUSED)
    assert "while other requests succeeded" in failure.reason
    assert server.tries[1003] == N_OWN_500


NONSENSE: dict[str, str] = {
    "huge count": '{"usage": {"prompt_tokens": %s}}' % 10**30,
    "400 digits": '{"usage": {"completion_tokens": 1%s}}' % ("0" * 400),
    "5000 digits": '{"usage": {"completion_tokens": 1%s}}' % ("0" * 5000),
    "negative count": '{"usage": {"prompt_tokens": -7}}',
    "count is infinite": '{"usage": {"prompt_tokens": 1e999}}',
    "count is NaN": '{"usage": {"prompt_tokens": NaN}}',
    "count is text": '{"usage": {"prompt_tokens": "12"}}',
    "count is true": '{"usage": {"prompt_tokens": true}}',
    "usage is a list": '{"usage": [1]}',
    "index of 400 digits": '{"choices": [{"index": -1%s, "message": {"content": "x"}}]}' % ("0" * 400),
    "NaN": '{"logprob": NaN}', "infinite": '{"logprob": -1e999}', "Infinity": '{"logprob": Infinity}',
    "positive": '{"logprob": 0.5}', "text": '{"logprob": "-1"}', "true": '{"logprob": true}',
    "digits": '{"logprob": -1%s}' % ("0" * 400),
}  # fmt: skip


def with_nonsense(kind: str) -> Answer:
    text = NONSENSE[kind]
    if text.startswith('{"logprob"'):
        body = '{"choices": [{"message": {"content": "x"}, "logprobs": {"content": [' + text + "]}}]}"
    elif text.startswith('{"usage"'):
        body = '{"choices": [{"message": {"content": "x"}}], ' + text[1:]
    else:
        body = text
    return 200, {}, body.encode()


@pytest.mark.parametrize("kind", NONSENSE)
def test_impossible_numbers_are_tried_again_and_counted_and_never_kept(server: Server, kind: str) -> None:
    server.script = lambda body, n: with_nonsense(kind) if n <= 2 else completion("ok")
    assert [one.completion for one in ask(open_server(server), 1).values()] == ["ok"]
    assert server.tries == {1000: 3}
    server.script = lambda body, n: with_nonsense(kind)
    (failure,) = open_server(server).sample([make_request()])
    assert isinstance(failure, Failure)
    assert failure.trouble is Trouble.NONSENSE


def test_a_huge_body_and_a_stream_of_events_are_nonsense_and_no_memory(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairsmith.pipeline.sampling.openai_backend.MAX_BODY_BYTES", 1 << 20)
    bodies = [b" " * (8 << 20), b'data: {"choices": [{"delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n']
    server.script = lambda body, n: (200, {}, bodies[n - 1]) if n <= 2 else completion("ok")
    assert [one.completion for one in ask(open_server(server), 1).values()] == ["ok"]
    server.script = lambda body, n: (200, {}, bodies[0])
    (failure,) = open_server(server).sample([make_request()])
    assert isinstance(failure, Failure)
    assert failure.trouble is Trouble.NONSENSE
    assert failure.reason.startswith("an answer of more than 1 MiB")


def test_each_server_has_a_pool_of_connections_of_its_own() -> None:
    """In one pool each request looks through the connections of all servers, and for each idle one again."""
    urls = ("http://node1:8000/v1", "http://node2:8000/v1", "https://node2/v1", "http://[::1]:8000/v1")
    sampler = OpenAISampler(SamplingConfig(backend="openai", base_url=urls, max_tokens=8), None, print)

    async def pools(path: str) -> list[object]:
        client, gates = await sampler._open_client()
        try:
            return [client._transport_for_url(httpx.URL(gate.url).copy_with(path=path)) for gate in gates.gates]
        finally:
            await client.aclose()

    for path in ("/v1/completions", "/metrics"):
        assert len(set(map(id, asyncio.run(pools(path))))) == len(urls)


def test_the_same_name_behind_another_address_or_of_another_revision_is_another_model(server: Server) -> None:
    def identity(**settings: Any) -> str:
        config = SamplingConfig(backend="openai", model="m", n=1, **settings)
        problem = make_problem()
        draws = deal(list_arms(config), 1)
        return plan_problem(problem, draws, config, 0, OpenAISampler(config, None, print)).requests[0].candidate_id

    default, a, b = identity(), identity(base_url="http://a/v1"), identity(base_url="http://b/v1")
    assert len({default, a, b}) == 3
    assert identity(base_url=("http://a/v1", "http://b/v1")) == identity(base_url=("http://b/v1", "http://a/v1"))
    named = {identity(base_url=url, revision="r1") for url in ("http://a/v1", "http://b/v1")}
    assert len(named) == 1, "a revision names the weights, wherever they are served"
    assert identity(base_url="http://a/v1", revision="r2") not in named
    revision = OpenAISampler(SamplingConfig(base_url="http://secret-host/v1"), None, print).revision
    assert "secret" not in revision


def test_the_time_limit_of_a_request_grows_with_its_tokens() -> None:
    assert request_limit_s(192) < 180 < 3600 < request_limit_s(32_768)
