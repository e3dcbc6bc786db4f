"""Records that stages exchange, their Arrow twins and the run's configuration.

Nothing here reads files or imports `pipeline` or `flows`.
"""
