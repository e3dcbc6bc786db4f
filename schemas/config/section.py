"""What every part of the configuration is built from."""

import json
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
NOT_SET = "none"  # TOML has no null


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused; `none` unsets a key that may be unset."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_plain(cls, value: Any, info: Any) -> Any:
        """Unset `none`; refuse `true` where a number is meant, which pydantic takes for 1, and NUL in a path."""
        hint = cls.model_fields[info.field_name].annotation
        kinds = (hint, *typing.get_args(hint))
        if value == NOT_SET and isinstance(value, str) and type(None) in kinds:
            return None
        if isinstance(value, bool) and bool not in kinds and Any not in kinds:
            raise ValueError("Input should not be true or false")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("a text must not hold NUL")
        return value


def require_json(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a table with values in JSON.

    Raises:
        ValueError: one is not, or is NaN or infinite.
    """
    try:
        json.dumps(tree, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a value is not JSON ({error})") from None
    return tree
