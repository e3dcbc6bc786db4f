"""The configuration of publishing, of refreshes and of what is served."""

from pydantic import Field

from pairsmith.schemas.config.section import Section


class PublishConfig(Section):
    """Where dataset and adapter go on the Hub. The token is in huggingface_hub's usual place, never here."""

    dataset: str = Field("", description="Repository of the dataset, such as `me/pairs`; empty publishes none.")
    model: str = Field("", description="Repository of the adapter; empty publishes none.")
    private: bool = Field(True, description="Make new repositories private; existing ones keep their visibility.")
    allowed: tuple[str, ...] = Field(
        (), description="Findings of the secret scan that may be published, by the name that it prints."
    )


class RefreshConfig(Section):
    """What a refresh does with a new version."""

    retrain: bool = Field(False, description="Train and evaluate on each new version before the gate.")


class TimetableConfig(Section):
    """When `pairsmith serve` starts each flow, as cron lines such as `0 3 * * *`; empty: on demand only."""

    build: str = Field("", description="When to build.")
    refresh: str = Field("", description="When to refresh.")
    train: str = Field("", description="When to train.")
    evaluate: str = Field("", description="When to evaluate.")
    study: str = Field("", description="When to study.")
    publish: str = Field("", description="When to publish.")
    timezone: str = Field("UTC", description="Name such as `Europe/Berlin`.")


class ServiceConfig(Section):
    """How served runs handle faults of the infrastructure, and how many run at a time."""

    retries: int = Field(3, ge=0, description="Retries after an infrastructure fault; other errors end a run.")
    retry_delay_s: float = Field(
        10.0, ge=0.0, description="Seconds before the first retry; doubled each time, with half of it as jitter."
    )
    timeout_s: float | None = Field(
        None, gt=0.0, description="Seconds until a served run is ended; none for no end."
    )
    runs: int = Field(4, ge=1, description="Served runs at the same time, of all kinds.")
    samplers: int = Field(
        1, ge=1, description="Served runs that sample at the same time: the limit of the tag `pairsmith-sampler`."
    )
    server_port: int = Field(
        4200,
        ge=1,
        le=65535,
        description="Port on loopback of the Prefect server that serves where PREFECT_API_URL names none.",
    )
