"""Turns a code model's own samples into preference data, and trains on it."""
