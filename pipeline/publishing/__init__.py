"""Publishing on the Hugging Face Hub: the dataset with its card and figures, and the adapter.

`card` writes what a reader needs to trust the labels, from the manifests; `scanning` refuses keys and private
addresses; `versions` records what changed; `hub` makes one commit and one tag of what differs from the remote.
"""

from pairsmith.pipeline.publishing.hub import HeldBackError, HubDownError, PublishError, Pushed, look, push
from pairsmith.pipeline.publishing.publish import PublishPlan, plan_publish
from pairsmith.pipeline.publishing.versions import (
    VersionError,
    check_splits,
    list_versions,
    read_changelog,
    read_version_changelog,
    record_version,
    version_folder,
)

__all__ = [
    "HeldBackError", "HubDownError", "PublishError", "PublishPlan", "Pushed", "VersionError", "check_splits",
    "list_versions", "look", "plan_publish", "push", "read_changelog", "read_version_changelog", "record_version",
    "version_folder",
]  # fmt: skip
