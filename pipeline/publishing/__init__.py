"""Publishing on the Hugging Face Hub: the dataset with its card and figures, and the adapter.

`card` writes what a reader needs to trust the labels, from the manifests; `scanning` refuses what no one should
see; `changes` tells what differs from the remote; `hub` makes one commit and one tag of it.
"""

from pairsmith.pipeline.publishing.errors import PublishError
from pairsmith.pipeline.publishing.publish import PublishPlan, plan_publish, send

__all__ = ["PublishError", "PublishPlan", "plan_publish", "send"]
