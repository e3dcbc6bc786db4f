"""The configuration of a run: one TOML file, command-line overrides, nothing from the environment."""

from pairsmith.schemas.config.evaluation import (
    HELD_OUT,
    EvaluatedModelConfig,
    EvaluatedSetConfig,
    EvaluationConfig,
    GateConfig,
    RoundsConfig,
    ScoringConfig,
    evaluation_overrides,
)
from pairsmith.schemas.config.judging import (
    ColumnsConfig,
    CrosscheckConfig,
    ExecutionConfig,
    ExecutionLimit,
    ExtractionConfig,
    ProblemsConfig,
    SandboxConfig,
    SyntaxConfig,
    beyond_limits,
)
from pairsmith.schemas.config.loading import (
    REMOVED,
    RENAMED,
    ConfigError,
    apply_override,
    describe_faults,
    fingerprint,
    load_config,
    make_section,
    read_toml,
    validate_run,
)
from pairsmith.schemas.config.pairs import Dimension, PairsConfig, PolicyConfig, PolicyName
from pairsmith.schemas.config.run import (
    EngineConfig,
    PricesConfig,
    PublishConfig,
    RefreshConfig,
    RunConfig,
    ServiceConfig,
    TimetableConfig,
    check_folders,
)
from pairsmith.schemas.config.sampling import (
    AgreementConfig,
    Backend,
    RoleConfig,
    SamplingConfig,
    ScheduleConfig,
    SeedsConfig,
    SynthesisConfig,
    VllmConfig,
)
from pairsmith.schemas.config.section import NOT_SET, Section, Share
from pairsmith.schemas.config.training import LaunchConfig, MethodName, TrainingConfig

__all__ = [
    "HELD_OUT", "NOT_SET", "REMOVED", "RENAMED", "AgreementConfig", "Backend", "ColumnsConfig", "ConfigError",
    "CrosscheckConfig", "Dimension", "EngineConfig", "EvaluatedModelConfig",
    "EvaluatedSetConfig", "EvaluationConfig", "ExecutionConfig", "ExecutionLimit", "ExtractionConfig",
    "GateConfig", "LaunchConfig", "MethodName", "PairsConfig",
    "PolicyConfig", "PolicyName", "PricesConfig", "ProblemsConfig", "PublishConfig",
    "RefreshConfig", "RoleConfig", "RoundsConfig", "RunConfig", "SamplingConfig", "SandboxConfig",
    "ScheduleConfig", "ScoringConfig", "Section", "SeedsConfig", "ServiceConfig", "Share", "SyntaxConfig",
    "SynthesisConfig", "TimetableConfig", "TrainingConfig", "VllmConfig", "apply_override", "beyond_limits",
    "check_folders", "describe_faults", "evaluation_overrides", "fingerprint", "load_config", "make_section",
    "read_toml", "validate_run",
]  # fmt: skip
