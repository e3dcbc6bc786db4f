"""The command `pairsmith`: one verb a flow. Errors are one line; exit codes are in docs/reference/commands.md."""

from pairsmith.flows.cli import hub, looking, runs, sandbox, service, starting, studies, synthesize, vllm
from pairsmith.flows.cli.shared import app

__all__ = [
    "hub",
    "looking",
    "main",
    "runs",
    "sandbox",
    "service",
    "starting",
    "studies",
    "synthesize",
    "vllm",
]  # each registers its verbs when it is imported


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
