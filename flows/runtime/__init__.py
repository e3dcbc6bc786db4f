"""How flows run: what they log, when they try again, which server they talk to, the executors of shards."""
