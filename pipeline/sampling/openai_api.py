"""The wire format of OpenAI's API: addresses, what is sent for requests, what comes back. Sends nothing itself."""

import contextlib
import email.utils
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from pairsmith.pipeline.sampling.protocol import (
    Drawn,
    NonsenseError,
    Request,
    SamplingError,
    Trouble,
    read_count,
    read_logprob,
    read_seconds,
)
from pairsmith.schemas.config.sampling import LEAVE_OUT

LONGEST_RETRY_AFTER_S = 600.0
_DEFAULT_URL = "http://127.0.0.1:8000/v1"
# Fields that some servers or models refuse; without them a completion is still one.
_OPTIONAL_FIELDS = ("logprobs", "seed", "top_p")
_LONG_WORDS = (
    "context length", "context_length", "too long", "maximum context", "exceeds the context", "max_model_len",
)  # fmt: skip
_OLD_LIMIT, _NEW_LIMIT = "max_tokens", "max_completion_tokens"  # newer OpenAI models refuse the old name


def name_servers(urls: tuple[str, ...]) -> str:
    """Return what identifies the weights behind some addresses if `sampling.revision` doesn't name them.

    The same name behind another address may be another model. The digest distinguishes them without publishing
    a host's name; the default address has none, so that its samples stay those of older versions.
    """
    if urls == (_DEFAULT_URL,):
        return ""
    return f"server-{hashlib.sha256(' '.join(sorted(urls)).encode()).hexdigest()[:12]}"


def checked_url(address: str) -> str:
    """Return the address of a server without a slash at its end; refuse what is none."""
    url = httpx.URL(address.rstrip("/"))
    if url.scheme not in ("http", "https") or not url.host:
        raise SamplingError(f"sampling.base_url={address}: write it like http://127.0.0.1:8000/v1")
    return str(url)


class AnswerError(ValueError):
    """An answer that isn't one of this API."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        """Say what is wrong with it."""
        super().__init__(reason)
        self.trouble = trouble


@dataclass(slots=True)
class Dialect:
    """What a server was found to take; learned from its refusals."""

    left_out: set[str] = field(default_factory=set)  # fields that it refuses
    limit_field: str = _OLD_LIMIT  # its name for the limit of tokens

    def learn(self, text: str, body: dict[str, Any]) -> str:
        """Learn from the text of an HTTP 400; return what to do otherwise, in words, empty where nothing follows.

        A field is left out only where the pipeline chose to send it. A parameter that the user set, a temperature
        other than 1 or one of `sampling.extra`, is never dropped: the sample would be of another distribution.
        """
        if _NEW_LIMIT in text and _OLD_LIMIT in body:
            self.limit_field = _NEW_LIMIT
            return f"takes `{_NEW_LIMIT}` in place of `{_OLD_LIMIT}`"
        optional = (*_OPTIONAL_FIELDS, "temperature") if body.get("temperature") == 1.0 else _OPTIONAL_FIELDS
        found = next((name for name in optional if name in body and name in text), None)
        if found is None:
            return ""
        self.left_out.add(found)
        return f"takes no `{found}`; asking without"


def make_body(requests: Sequence[Request], model: str, dialect: Dialect) -> tuple[str, dict[str, Any]]:
    """Return path and body of one call for requests that differ only in their number, at least one."""
    first = requests[0]
    body: dict[str, Any] = {
        "model": model,
        "temperature": first.temperature,
        "top_p": first.top_p,
        dialect.limit_field: first.max_tokens,
        "n": len(requests),
        "seed": first.seed,
    }
    if first.stop:
        body["stop"] = list(first.stop)
    if first.opening.template == "chat":
        path = "/chat/completions"
        body |= {"messages": first.opening.messages(), "logprobs": True}
    else:
        path = "/completions"
        body |= {"prompt": first.opening.text, "logprobs": 0}
    body = {name: value for name, value in body.items() if name not in dialect.left_out}
    for name, value in json.loads(first.extra or "{}").items():
        if value == LEAVE_OUT and name in ("seed", "logprobs"):
            body.pop(name, None)
        else:
            body[name] = value
    return path, body


def parse_answer(
    content: bytes, requests: Sequence[Request], wall_s: float, sent_seed: bool, keep_logprobs: bool
) -> list[Drawn]:
    """Return what a server answered, for the first of the requests; there may be fewer choices than requests.

    A completion's tokens are counted by its log-probabilities, else by the mean of the call.

    Raises:
        AnswerError: if it isn't an answer of this API, holds impossible numbers, or isn't UTF-8.
    """
    try:
        body = json.loads(content.decode("utf-8"))
        choices = sorted(body["choices"], key=lambda choice: read_count(choice.get("index", 0), "index"))
        choices = choices[: len(requests)]
        usage = body.get("usage") or {}
        n_prompt = read_count(usage.get("prompt_tokens"), "usage.prompt_tokens")
        total = read_count(usage.get("completion_tokens"), "usage.completion_tokens")
        mean = total // len(choices) if total >= 0 and choices else -1
        details = usage.get("completion_tokens_details") or {}
        n_thought = read_count(details.get("reasoning_tokens"), "usage.completion_tokens_details.reasoning_tokens")
        n_thought = n_thought // len(choices) if n_thought >= 0 and choices else -1
        known = {"n_prompt_tokens": n_prompt, "n_tokens": mean, "wall_s": wall_s, "n_reasoning_tokens": n_thought}
        return [
            _drawn(choice, request, sent_seed, keep_logprobs, known)
            for choice, request in zip(choices, requests, strict=False)
        ]
    except UnicodeDecodeError:
        raise AnswerError(Trouble.INVALID_UTF8, "an answer that isn't UTF-8") from None
    except NonsenseError as error:
        raise AnswerError(Trouble.NONSENSE, f"invalid response of the server ({error})") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise AnswerError(Trouble.NONSENSE, f"invalid response of the server ({type(error).__name__})") from None


def is_too_long(text: str) -> bool:
    """Return whether an error's text reports that the prompt exceeds the context."""
    return any(words in text.lower() for words in _LONG_WORDS)


def retry_after_s(header: str) -> float:
    """Return the seconds that a server asks to wait, in seconds or as a date, at most 600; 0.0 for nonsense."""
    try:
        wait_s = read_seconds(header)
    except ValueError:
        wait_s = 0.0
        with contextlib.suppress(ValueError, OverflowError):
            wait_s = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)


def _drawn(choice: Any, request: Request, sent_seed: bool, keep_logprobs: bool, known: Mapping[str, Any]) -> Drawn:
    """Return one choice; `known` holds the fields that a call's choices share."""
    text = choice["message"]["content"] if request.opening.template == "chat" else choice["text"]
    text = "" if text is None else text
    if not isinstance(text, str):
        raise TypeError
    logprobs = _logprobs(choice.get("logprobs"))
    message = choice.get("message") or {}
    # vLLM and DeepSeek say `reasoning_content`; newer vLLM, OpenRouter and Ollama say `reasoning`.
    thoughts = message.get("reasoning_content") or message.get("reasoning") or ""
    reason = choice.get("finish_reason")
    drawn = Drawn(
        request=request,
        completion=_whole(text),
        finish_reason=reason if reason in ("stop", "length") else "",
        mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
        seed=request.seed if sent_seed else -1,
        token_logprobs=tuple(logprobs) if keep_logprobs else (),
        reasoning=_whole(thoughts) if isinstance(thoughts, str) else "",
        **known,
    )
    return replace(drawn, n_tokens=len(logprobs)) if logprobs else drawn


def _whole(text: str) -> str:
    """Return a text that UTF-8 can hold: halves of surrogate pairs become U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _logprobs(found: Any) -> list[float]:
    """Return the drawn tokens' log-probabilities, in chat's form or that of completions; empty for none."""
    if not isinstance(found, dict):
        return []
    if found.get("content"):
        return [read_logprob(token["logprob"]) for token in found["content"]]
    return [read_logprob(value) for value in found.get("token_logprobs") or [] if value is not None]
