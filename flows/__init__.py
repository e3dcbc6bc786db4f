"""Prefect flows and the command line: order, retries, concurrency, nothing else."""

import os

# Before torch is imported: its threads otherwise spin while they wait, and share two cores badly with anything
# else (16 tokens/s instead of 420, measured with other processes at work).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# vLLM on a CPU takes its cache's size in GiB from here alone.
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
# Before Prefect is imported: no analytics, no banner; a user's own settings win.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_CLI_PROMPT", "false")
# A busy machine needs longer than Prefect's 20 s to start the temporary server.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "ERROR")
