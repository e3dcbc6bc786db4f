"""Loads problems, one module a collection. Loaders raise ProblemsError if a file isn't there or has no problem."""
