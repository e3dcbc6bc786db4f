"""Turns published tests into typed cases, or into code for a sandbox of its own."""
