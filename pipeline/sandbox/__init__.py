"""Runs programs that nobody trusts; gives values and endings, never judgements.

`open_pool` gives a pool of sandboxes; `contract` says what they promise; `inside` is what runs in them.
"""

from pairsmith.pipeline.sandbox.contract import Answer, Ending, Job, SandboxError, SandboxFaultError
from pairsmith.pipeline.sandbox.pool import Bench, SandboxPool, open_pool
from pairsmith.pipeline.sandbox.sandbox import Sandbox

__all__ = [
    "Answer", "Bench", "Ending", "Job", "Sandbox", "SandboxError", "SandboxFaultError", "SandboxPool",
    "open_pool",
]  # fmt: skip
