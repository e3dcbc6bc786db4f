"""The command `pairsmith`: one verb a flow. Errors are one line; exit codes are in the README."""

from flows.commands import runs, sandbox, vllm
from flows.commands.shared import app

__all__ = ["main", "runs", "sandbox", "vllm"]  # each registers its verbs when it is imported


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
