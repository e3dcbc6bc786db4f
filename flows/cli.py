"""The command `pairsmith`: one verb a flow. Errors are one line; exit codes are in the README."""

from flows.commands import hub, runs, sandbox, service, studies, synthesize, vllm
from flows.commands.shared import app

__all__ = [
    "hub",
    "main",
    "runs",
    "sandbox",
    "service",
    "studies",
    "synthesize",
    "vllm",
]  # each registers its verbs when it is imported


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
