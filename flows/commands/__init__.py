"""The verbs of the command `pairsmith`, a module for each group of them."""
