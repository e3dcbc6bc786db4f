"""The command `pairsmith`: one verb a flow. Errors are one line; exit codes are in docs/reference/commands.md."""

# Each module registers its verbs when it is imported.
from pairsmith.flows.cli import environment, judging, looking, runs, training
from pairsmith.flows.cli.shared import app

__all__ = ["app", "environment", "judging", "looking", "main", "runs", "training"]

_FIRST = ("init", "demo", "build", "status", "view", "inspect", "explain", "judge", "train", "evaluate")
app.registered_commands.sort(key=lambda verb: _FIRST.index(verb.name) if verb.name in _FIRST else len(_FIRST))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
