"""Publishing on the Hugging Face Hub: the dataset with its card and figures, and the adapter.

`card` writes what a reader needs to trust the labels, from the manifests; `scanning` refuses keys and private
addresses; `versions` records what changed; `hub` makes one commit and one tag of what differs from the remote.
"""
