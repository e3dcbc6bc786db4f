"""Deletes what a program left in the folders that it could write to."""

from __future__ import annotations

import os
import stat

WRITABLE = ("/tmp", "/dev/shm")


def delete_contents(folders: list[str], keep: frozenset[str] = frozenset()) -> None:
    """Delete all that is in some folders, as the user who left it.

    Args:
        folders: absolute paths; they stay themselves.
        keep: paths right in those folders that stay too.
    """
    for folder in folders:
        while entries := [entry for entry in os.scandir(folder) if entry.path not in keep]:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _dissolve(entry.path, folder)
                else:
                    os.unlink(entry.path)


def _dissolve(path: str, folder: str) -> None:
    """Delete a folder, and lift the folders in it to the top: no depth can exhaust the stack or a path."""
    os.chmod(path, stat.S_IRWXU)
    for entry in list(os.scandir(path)):
        if entry.is_dir(follow_symlinks=False):
            os.chmod(entry.path, stat.S_IRWXU)
            os.rename(entry.path, os.path.join(folder, os.urandom(16).hex()))
        else:
            os.unlink(entry.path)
    os.rmdir(path)
