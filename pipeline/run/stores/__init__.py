"""Keeps run folders in a store: S3, Google's, any other file system that fsspec knows.

A run works in a folder of its machine, as ever, and that folder is mirrored. Its code needs real files in any
case: polars and pyarrow map them, trainers write checkpoints, SQLite and `flock` want a file system, sandboxes
mount what was compiled. `universal_pathlib` has paths that stand for objects, and none of these uses: with it each
stage would have to know which of its files are where. So the stages know nothing of a store.

- `remote`: an object is there whole or not at all.
- `mirror`: each file that is written whole (`pipeline.run.folder.write_whole`) is put at once, a manifest after
  all else that is in the folder. Who begins takes what the store has first, so nothing is made twice, wherever it
  was made.
- `lease`: one process at a time writes. Should it come otherwise, digests tell: a shard counts by its key and the
  digest of its rows, a stage by those of its files (`pipeline.run.folder.StageFolder.holds`).
"""

from pairsmith.pipeline.run.stores.lease import Lease, StoreBusyError
from pairsmith.pipeline.run.stores.mirror import Mirror, mirror_of, mirrored
from pairsmith.pipeline.run.stores.remote import RemoteFolder, StoreError

__all__ = ["Lease", "Mirror", "RemoteFolder", "StoreBusyError", "StoreError", "mirror_of", "mirrored"]
