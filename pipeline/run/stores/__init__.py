"""Keeps run folders in a store: S3, Google's, any other file system that fsspec knows.

A run works in a folder of its machine, and that folder is mirrored: polars and pyarrow map files, trainers write
checkpoints, SQLite and `flock` need a file system, sandboxes mount what was compiled. The stages know nothing of a
store.

- `remote`: an object is there whole or not at all.
- `mirror`: each file that is written whole (`pipeline.run.folder.write_whole`) is put at once, a manifest after
  all else in the folder. A run first fetches what the store has, so nothing is made twice, wherever it was made.
- `lease`: one process writes at a time. If two did, digests would show it: a shard counts by its key and the
  digest of its rows, a stage by those of its files (`pipeline.run.folder.StageFolder.holds`).
"""

from pairsmith.pipeline.run.stores.mirror import Mirror, mirror_of, mirrored
from pairsmith.pipeline.run.stores.remote import Lease, RemoteFolder, StoreBusyError, StoreError

__all__ = ["Lease", "Mirror", "RemoteFolder", "StoreBusyError", "StoreError", "mirror_of", "mirrored"]
