"""The configuration of publishing."""

from pydantic import Field

from pairsmith.schemas.config.section import Section


class PublishConfig(Section):
    """Where dataset and adapter go on the Hub. The token is in huggingface_hub's usual place, never here."""

    dataset: str = Field("", description="Repository of the dataset, such as `me/pairs`; empty publishes none.")
    model: str = Field("", description="Repository of the adapter; empty publishes none.")
    private: bool = Field(
        True, description="Visibility of a repository that is made; one that is there keeps its own."
    )
    allowed: tuple[str, ...] = Field(
        (), description="Findings of the secret scan that may be published, by the name that it prints."
    )
