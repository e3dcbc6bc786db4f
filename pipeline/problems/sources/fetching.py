"""Files of published benchmarks, fetched once where there is a network, kept in the cache.

Versions are pinned in the addresses. A file that the user names is never replaced.
"""

from pathlib import Path

import httpx

from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.problems.sources.evoeval import SUBSETS
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.config import ProblemsConfig

_LIMIT_S = 60.0
_FILES = {
    "humaneval+": "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz",
    "mbpp+": "https://github.com/evalplus/mbppplus_release/releases/download/v0.2.0/MbppPlus.jsonl.gz",
    "mbpp": "https://raw.githubusercontent.com/google-research/google-research/master/mbpp/mbpp.jsonl",
}
_EVOEVAL = "https://github.com/evo-eval/evoeval_release/releases/download/v0.1.0/EvoEval_{subset}.jsonl.gz"


def address_of(config: ProblemsConfig) -> str:
    """Return where the file of a source is published; empty where it is not a single file.

    Raises:
        ProblemsError: for an EvoEval subset that there is none of.
    """
    if config.source == "evoeval":
        subset = config.dataset.removeprefix("EvoEval_") or "difficult"
        if subset not in SUBSETS:
            names = ", ".join(f"EvoEval_{name}" for name in SUBSETS)
            raise ProblemsError(f"problems.dataset: there is no {config.dataset!r}; there are {names}")
        return _EVOEVAL.format(subset=subset)
    return _FILES.get(config.source, "")


def fetched(config: ProblemsConfig, cache: Path) -> ProblemsConfig:
    """Return the configuration with the path of its file, fetched if it is not in the cache.

    Args:
        config: a source whose path is not set; others come back as they are.
        cache: folder that holds fetched files, in `problems`.

    Raises:
        ProblemsError: if it can't be fetched.
    """
    address = address_of(config) if config.path is None else ""
    if not address:
        return config
    version = address.split("/")[-2]
    path = cache / "problems" / f"{version}-{address.rpartition('/')[2]}"
    if not path.is_file():
        write_whole(path, _download(address, config.source))
    return config.model_copy(update={"path": path})


def _download(address: str, source: str) -> bytes:
    try:
        answer = httpx.get(address, follow_redirects=True, timeout=_LIMIT_S)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ProblemsError(
            f"{source}: {address} can't be fetched ({reason}); download it and set the source's path"
        ) from None
    return answer.content
