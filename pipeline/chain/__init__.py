"""The stages in order, the keys of their shards, and the run that makes them."""
