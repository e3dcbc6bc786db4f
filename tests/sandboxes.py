"""Engines and limits that several tests share."""

import functools
import os

from pairsmith.pipeline.sandbox.bubblewrap import BubblewrapEngine
from pairsmith.pipeline.sandbox.contract import Engine, SandboxError
from pairsmith.pipeline.sandbox.docker_engine import DockerEngine
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig

IMAGE = os.environ.get("PAIRSMITH_TEST_IMAGE", SandboxConfig().image)
# Short limits: what must time out does so soon. Long enough for a busy machine.
LIMITS = SandboxConfig(cpu_s=2, wall_s=20.0, case_wall_s=6.0, memory_mib=256, workers=2, image=IMAGE)
PATIENCE = ExecutionConfig(fault_retries=1)


@functools.cache
def why_no_docker() -> str:
    """Return why the Docker tests can't run here; empty if they can."""
    try:
        DockerEngine(LIMITS, "probe").close()
    except SandboxError as error:
        return str(error)
    return ""


def make_engine(name: str, label: str, config: SandboxConfig = LIMITS) -> Engine:
    """Return a fresh engine of that name."""
    return DockerEngine(config, label) if name == "docker" else BubblewrapEngine(config)
