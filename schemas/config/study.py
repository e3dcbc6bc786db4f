"""The configuration of a study: starts x datasets x methods over the sections of a run."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pairsmith.schemas.config.loading import (
    ConfigError,
    apply_override,
    describe_faults,
    merged,
    read_toml,
    validate_run,
)
from pairsmith.schemas.config.run import RunConfig, check_folders
from pairsmith.schemas.config.section import Section

_NAME = re.compile(r"[\w+.@-]{1,60}")
_LISTS = ("starts", "datasets", "methods")
_FIXED = ("run", "store", "seed")  # the study's own; a cell has none


class Variant(BaseModel):
    """One start, dataset or method: a name, and any sections of a run's configuration that are its own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a folder; letters, digits, + . @ and - only")
        return name

    @model_validator(mode="after")
    def _knows_its_sections(self) -> "Variant":
        for section in self.sections():
            if section not in RunConfig.model_fields or section in _FIXED:
                known = ", ".join(sorted(set(RunConfig.model_fields) - set(_FIXED)))
                raise ValueError(f"{self.name} has no section {section!r}; known are {known}")
        return self

    def sections(self) -> dict[str, Any]:
        """Return the sections that are this one's own."""
        return dict(self.model_extra or {})


class Start(Variant):
    """A model that alignment starts from.

    Attributes:
        sft: settings of `[training]` for supervised fine-tuning on the references of the train problems, which
            makes this start out of its `sampling.model`; none uses the model unchanged.
    """

    sft: dict[str, Any] | None = None


class StudyConfig(Section):
    """A study, whole."""

    run: Path = Field(description="Folder that the study writes into; or an address, as that of a run.")
    store: str = Field("", description="Folder of a store that the study is kept in, as a run is.")
    title: str = ""
    seed: int = 0
    base: dict[str, Any] = Field(default_factory=dict, description="Sections that hold for all cells.")
    starts: tuple[Start, ...] = Field(min_length=1)
    datasets: tuple[Variant, ...] = Field((Variant(name="own"),), min_length=1)
    methods: tuple[Variant, ...] = Field(min_length=1)

    _check_folders = model_validator(mode="before")(check_folders)

    @model_validator(mode="after")
    def _is_sound(self) -> "StudyConfig":
        Variant(name="base", **self.base)
        for kind in _LISTS:
            names = [variant.name for variant in getattr(self, kind)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind}: {twice[0]!r} comes twice")
        return self

    def cell(self, run: Path, *variants: Variant) -> RunConfig:
        """Return the configuration of a run below the study; later variants win.

        Raises:
            ConfigError: a key that there is none of, or a bad value.
        """
        tree = merged(self.base, *(variant.sections() for variant in variants))
        sampling = tree.setdefault("sampling", {})
        sampling.setdefault("store", str(self.run / "samples.sqlite"))
        return validate_run({**tree, "run": run, "seed": self.seed})


def load_study(path: Path, overrides: Iterable[str] = (), run: str | Path | None = None) -> StudyConfig:
    """Return the study of a TOML file with overrides on top.

    Args:
        overrides: `base.section.key=value`, or `starts.NAME.section.key=value` and likewise for datasets and
            methods.
        run: folder to write into, or address in a store, instead of the file's.

    Raises:
        ConfigError: no such file, broken TOML, a name or key that there is none of, a bad value.
    """
    tree = read_toml(path)
    for override in overrides:
        _apply(tree, override)
    if run is not None:
        tree["run"] = str(run)
        if "://" in str(run):
            tree.pop("store", None)
    try:
        study = StudyConfig.model_validate(tree)
    except ValidationError as error:
        faults = describe_faults(error, StudyConfig).splitlines()
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults)) from None
    for start in study.starts:  # a bad key of a cell is known before anything is drawn
        for dataset in study.datasets:
            for method in study.methods:
                study.cell(study.run, start, dataset, method)
    return study


def _apply(tree: dict[str, Any], override: str) -> None:
    kind, _, rest = override.partition(".")
    if kind not in _LISTS:
        apply_override(tree, override)
        return
    name, _, setting = rest.partition(".")
    for variant in tree.get(kind, ()):
        if variant.get("name") == name and setting:
            apply_override(variant, setting)
            return
    names = ", ".join(str(variant.get("name")) for variant in tree.get(kind, ()))
    raise ConfigError(f"--set {override}: write {kind}.NAME.section.key=value; known are {names}")
