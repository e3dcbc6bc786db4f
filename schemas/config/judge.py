"""The configuration of the optional language model that judges pairs."""

from pydantic import Field

from pairsmith.schemas.config.sampling import Backend, SamplingConfig, Texts
from pairsmith.schemas.config.section import Section


class JudgeConfig(Section):
    """A language model that compares chosen and rejected: its word is kept as evidence, no label rests on it."""

    model: str = Field("", description="Served name, folder or Hub name; empty asks no judge.")
    backend: Backend = Field("openai", description="How the judge is asked.")
    base_url: Texts = Field(("http://127.0.0.1:8000/v1",), description="OpenAI-compatible servers of the judge.")
    api_key_variable: str = Field("OPENAI_API_KEY", description="Environment variable that holds the key.")
    max_tokens: int = Field(200, ge=16, description="Tokens of a reply at most.")
    max_pairs: int | None = Field(
        1000,
        ge=1,
        description="Pairs judged at most, as their ids fall, two requests each; none judges all.",
    )
    concurrency: int = Field(16, ge=1, description="Requests under way to one server at most.")
    request_limit_s: float = Field(120.0, gt=0.0, description="Seconds until a request is given up.")

    def sampling(self) -> SamplingConfig:
        """Return how the judge is asked."""
        asked = self.model_dump(exclude={"max_pairs"})
        return SamplingConfig(**asked, temperature=0.0, top_p=1.0, send_seed=False, n_a_request=1)
