"""Measures what a run draws, for the forecasts of later ones, and logs what went wrong."""

import time
from collections.abc import Callable
from pathlib import Path

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.sampling.forecast import Seen, keep_seen, seen_key
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig

_MANY_CUT_OFF = 0.1  # share of answers that ended at the limit of tokens, from which on the build says so


class Meter:
    """Measures a run while it draws."""

    def __init__(
        self, config: RunConfig, cache: Path, step: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to measure.

        Args:
            cache: folder that keeps measures for later runs.
            step: step of synthesis; empty for solutions of problems.
            clock: returns the time in seconds.
        """
        self.n_drawn = self.n_all = 0  # candidates drawn now, and those with the ones from the sample store
        self.sampling_s = 0.0  # from the first request to the last answer
        self._cache, self._clock, self._key = cache, clock, seen_key(config, step)
        self._n_tokens = self._n_prompt_tokens = 0
        self._began: float | None = None

    def drawn(self, candidate: Candidate) -> str:
        """Count a candidate that was drawn now; return the text that is shown next to the rate."""
        now = self._clock()
        if self._began is None:
            self._began = now - candidate.wall_s
        self.sampling_s = max(now - self._began, 1e-6)
        self.n_drawn += 1
        self._n_tokens += max(candidate.n_tokens, 0)
        self._n_prompt_tokens += max(candidate.n_prompt_tokens, 0)
        return f"({self._n_tokens:,} tokens)"

    def keep(self) -> None:
        """Log where candidates came from, and keep the measures for later runs of this model."""
        if self.n_all > self.n_drawn:
            n_stored = self.n_all - self.n_drawn
            reporter().log(f"candidates  {self.n_drawn:,} drawn, {n_stored:,} from the sample store")
        if self._n_tokens:
            means = self._n_tokens / self.n_drawn, self._n_prompt_tokens / self.n_drawn
            keep_seen(self._cache, {self._key: Seen(*means, self._n_tokens / self.sampling_s)})


def log_failures(chain: Chain) -> None:
    """Log which requests gave no answer, and whether many answers were cut off."""
    manifest = chain.folder("candidates").manifest()
    n_cut = manifest.counts.get("finish.length", 0) if manifest is not None else 0
    if manifest is not None and n_cut > _MANY_CUT_OFF * manifest.n_out:
        share = f"{n_cut} of {manifest.n_out} answers ({n_cut / manifest.n_out:.0%})"
        reporter().log(f"candidates  {share} were truncated by the token limit; raise sampling.max_tokens")
    if manifest is not None and manifest.dropped:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(manifest.dropped.items()))
        reporter().log(f"candidates  {sum(manifest.dropped.values())} requests gave none: {reasons}")
