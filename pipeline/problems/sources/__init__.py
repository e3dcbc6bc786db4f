"""Loads problems, one module a collection."""
