"""The configuration of synthesis: seeds, the chain of prompts, and which problems are kept."""

from pathlib import Path

from pydantic import Field

from pairsmith.schemas.config.sampling import ModelConfig, Texts
from pairsmith.schemas.config.section import Section, Share

PERMISSIVE = (
    "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "PSF-2.0", "Unlicense", "CC0-1.0",
    "BSL-1.0", "Zlib", "MIT-0",
)  # fmt: skip


class SeedsConfig(Section):
    """Where seeds come from, and which functions are taken."""

    folders: tuple[Path, ...] = Field((), description="Folders or git checkouts of code.")
    dataset: str = Field("", description="Hub dataset, or a builder such as `parquet` with `data_files`.")
    dataset_config: str = Field("", description="Configuration of the Hub dataset.")
    split: str = Field("train", description="Split of the Hub dataset.")
    revision: str = Field("", description="Commit or tag of the Hub dataset; empty takes the newest.")
    data_files: str = Field("", description="Files of a builder such as `parquet`.")
    content_column: str = Field("content", description="Column of a file's text.")
    path_column: str = Field("path", description="Empty where there is none, likewise the next ones.")
    language_column: str = Field("language", description="Empty: derived from the file's extension.")
    license_column: str = Field("license", description="Of the SPDX name.")
    languages: Texts = Field((), description="Only these; empty takes all of the table.")
    min_lines: int = Field(3, ge=1, description="Lines of code of a function, its signature included.")
    max_lines: int = Field(60, ge=1, description="The same at most.")
    max_tokens: int = Field(800, ge=1, description="Tokens of the function with what it needs of its file.")
    licenses: Texts = Field(PERMISSIVE, description="SPDX names that are allowed.")
    allow_unknown_license: bool = Field(True, description="Use code without a known licence.")
    limit: int | None = Field(None, ge=1, description="Seeds at most: typed ones first, files in turns.")


class RoleConfig(Section):
    """The models of one step of the chain; without `models` those of `sampling`."""

    models: tuple[ModelConfig, ...] = Field((), description="As `sampling.models`.")
    n: int = Field(1, ge=1, le=10_000, description="Answers to each prompt.")
    temperature: float = Field(0.8, ge=0.0, le=5.0, description="0 is greedy.")
    max_tokens: int = Field(512, ge=1, le=100_000, description="Tokens of an answer at most.")


class ResponsesConfig(RoleConfig):
    """The models that write responses; without `models` those of `sampling`."""

    n: int = Field(10, ge=1, le=10_000, description="Answers to each prompt.")


class TestsConfig(RoleConfig):
    """The models that write tests; without `models` those of `sampling`."""

    n: int = Field(5, ge=1, le=10_000, description="Answers to each prompt.")


class QualityRulesConfig(Section):
    """What a problem must have to be kept."""

    max_pass_rate: Share = Field(0.95, description="Above it, by the weak draws, a problem is trivial.")


class AgreementConfig(Section):
    """Thresholds of agreement between responses and generated tests.

    The limits of programs are those of `crosscheck`: `cpu_s` and `wall_s`.
    """

    chosen_posterior: Share = Field(
        0.7,
        ge=0.5,
        description="Posterior from which a response is accepted, if it also passes enough of the tests.",
    )
    rejected_posterior: Share = Field(0.05, lt=0.5, description="Posterior up to which a response is rejected.")
    calibration: Path | None = Field(
        None, description="Coefficients fitted on own known problems; none takes those that come with pairsmith."
    )


class SynthesisConfig(Section):
    """Problems made of seeds by a chain of prompts, and labelled by agreement."""

    seeds: SeedsConfig = SeedsConfig()
    concepts: RoleConfig = RoleConfig()
    instructions: RoleConfig = RoleConfig()
    responses: ResponsesConfig = ResponsesConfig()
    tests: TestsConfig = TestsConfig()
    weak: RoleConfig = RoleConfig()
    difficulties: Texts = Field(("easy", "medium", "hard"), min_length=1, description="One is drawn a problem.")
    topics: Texts = Field(
        ("text", "numbers", "lists", "dictionaries", "searching and sorting", "dates and times", "parsing",
         "games", "geometry", "recursion"),
        min_length=1, description="One is drawn a problem.",
    )  # fmt: skip
    per_seed: int = Field(1, ge=1, le=1000, description="Problems asked for a seed.")
    prompts: Path | None = Field(None, description="Folder of own templates, looked at before those of pairsmith.")
    agreement: AgreementConfig = AgreementConfig()
    quality: QualityRulesConfig = QualityRulesConfig()
