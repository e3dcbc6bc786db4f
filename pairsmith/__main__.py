"""`python -m pairsmith` is the command `pairsmith`."""

from pairsmith.flows.cli import main

if __name__ == "__main__":
    main()
