"""Slow measurements, each one command that prints what it measured. Not part of CI."""
