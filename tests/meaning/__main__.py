"""Prints the table of docs/judging.md."""

from tests.meaning import table, trials

print(table(trials()), end="")
