"""What every part of the configuration is built from."""

import json
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
NOT_SET = "none"  # TOML has no null


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused; `none` unsets a key that may be unset."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _unset(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {
            name: None if value == NOT_SET and cls._may_be_unset(name) else value for name, value in given.items()
        }

    @field_validator("*", mode="before")
    @classmethod
    def _is_plain(cls, value: Any, info: Any) -> Any:
        """Refuse `true` where a number is meant, which pydantic takes for 1, and NUL, which no path bears."""
        if isinstance(value, bool) and not cls._takes_bool(info.field_name):
            raise ValueError("Input should not be true or false")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("a text must not hold NUL")
        return value

    @classmethod
    def _hint(cls, name: str) -> Any:
        field = cls.model_fields.get(name)
        return field.annotation if field is not None else None

    @classmethod
    def _may_be_unset(cls, name: str) -> bool:
        hint = cls._hint(name)
        return typing.get_origin(hint) in (types.UnionType, typing.Union) and type(None) in typing.get_args(hint)

    @classmethod
    def _takes_bool(cls, name: str) -> bool:
        hint = cls._hint(name)
        return hint is bool or bool in typing.get_args(hint) or hint is Any


def require_json(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a table whose values are JSON.

    Raises:
        ValueError: one is not, or is NaN or infinite.
    """
    try:
        json.dumps(tree, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a value is not JSON ({error})") from None
    return tree
