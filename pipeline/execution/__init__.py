"""Runs programs over the cases of their problems."""
