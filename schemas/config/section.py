"""What every part of the configuration is built from."""

import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    @classmethod
    def _may_be_unset(cls, name: str) -> bool:
        field = cls.model_fields.get(name)
        hint = field.annotation if field is not None else None
        return typing.get_origin(hint) in (types.UnionType, typing.Union) and type(None) in typing.get_args(hint)
