"""Settings of how a program is found in an answer."""

from typing import Literal

from pydantic import Field

from pairsmith.schemas.config.section import Section


class ExtractionConfig(Section):
    """From a completion to the program that is judged."""

    blocks: Literal["agree", "last", "first"] = Field(
        "agree",
        description="Where several different blocks answer: `agree` judges all of them, and labels that differ "
        "make the candidate undecided (`ambiguous_answer`); `last` and `first` judge that one. Evaluation takes "
        "`last` for `agree`, since it must give a verdict.",
    )
    accept_method: bool = Field(
        False,
        description="Accept a method of a class (`class Solution: def two_sum(self, ...)`) where a function is "
        "asked for. Evaluation always does.",
    )
    thought_tags: tuple[str, ...] = Field(
        ("auto",),
        description="Tags that enclose a model's thoughts, which are never judged. `auto` stands for all that "
        "are known; a further one is its name (`plan` for `<plan>...</plan>`) or both marks with a space between.",
    )

    def for_evaluation(self) -> "ExtractionConfig":
        """Return the settings of an evaluation, which must give a verdict and looks for the model's ability."""
        return self.model_copy(
            update={"accept_method": True, "blocks": "last" if self.blocks == "agree" else self.blocks}
        )
