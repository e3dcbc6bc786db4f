"""Seeds: documented functions that stand on their own, taken from any code in the languages of the table.

`files` reads folders, git checkouts and Hub datasets; `finding` cuts the functions of one file (`java`: the static
methods of a class), `functions` says what is known of one; `collecting` keeps those that a problem can be made of,
and counts why others are left out.
"""

from pairsmith.pipeline.publishing.scanning import has_secret
from pairsmith.pipeline.synthesis.seeds.collecting import Collected, collect_seeds
from pairsmith.pipeline.synthesis.seeds.files import SeedsError, SourceFile, read_sources

__all__ = ["Collected", "SeedsError", "SourceFile", "collect_seeds", "has_secret", "read_sources"]
