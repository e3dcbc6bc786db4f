"""Records that stages exchange, their Arrow twins and the run's configuration.

One module a record. Nothing here reads files or imports `pipeline` or `flows`.
"""
