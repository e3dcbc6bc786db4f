"""How long a passed candidate takes on scaled inputs."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timing:
    """Repeated runs of one program on a problem's scaled inputs.

    Attributes:
        scale: how many times larger the inputs are than the largest of the tests.
        cpu_s: CPU seconds of each run, start-up left out; the runs of a problem's candidates take turns.
    """

    candidate_id: str
    problem_id: str
    scale: int
    cpu_s: tuple[float, ...] = field(metadata={"measured": True})
