"""The configuration of refreshes."""

from pydantic import Field

from pairsmith.schemas.config.section import Section


class RefreshConfig(Section):
    """What a refresh does with a new version."""

    retrain: bool = Field(
        False, description="Train and evaluate on each new version, so that the gate speaks of it."
    )
