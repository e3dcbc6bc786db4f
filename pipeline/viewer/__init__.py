"""The viewer of a run: pages on loopback to look at pairs and mark them.

`index` filters the pairs by their facts, which are in memory; the texts of one pair are read from the shards of
its problem when its page is asked for. `colouring` makes the two programs a diff, `pages` answers requests,
`serving` refuses what another site asked for, or somebody under another name. Candidates' text is hostile: it is
cut, its hidden characters are written out, templates escape it, and pages allow no script but the viewer's own.
"""

from pairsmith.pipeline.viewer.pages import make_app
from pairsmith.pipeline.viewer.serving import serve

__all__ = ["make_app", "serve"]
