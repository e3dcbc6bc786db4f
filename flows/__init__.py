"""Prefect flows and the command line: order, retries, concurrency, nothing else."""
