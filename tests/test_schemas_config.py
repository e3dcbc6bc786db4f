import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from pairsmith.pipeline.reference import Key, list_keys, list_sections, own_keys
from pairsmith.schemas.config import (
    REMOVED,
    RENAMED,
    ConfigError,
    RunConfig,
    SamplingConfig,
    fingerprint,
    load_config,
)

REPOSITORY = Path(__file__).parents[1]


def message(path: Path | None, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text('seed = 3\n[sampling]\nn = 4\nmodel = "mine"\n[problems]\nids = ["a/1", "a/2"]\n')
    return path


def test_defaults_need_no_file() -> None:
    assert load_config(None) == RunConfig()


def test_a_file_is_read(toml: Path) -> None:
    config = load_config(toml)
    assert (config.seed, config.sampling.n, config.sampling.model) == (3, 4, "mine")
    assert config.problems.ids == ("a/1", "a/2")
    assert config.sandbox == RunConfig().sandbox


def test_a_file_lies_over_its_base(toml: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text('seed = 9\n[sampling]\nn = 7\ntemperature = 0.1\n[training]\nextra = { optim = "sgd" }\n')
    config = load_config(toml, ["training.extra.weight_decay=0.1"], base)
    assert (config.seed, config.sampling.n, config.sampling.temperature) == (3, 4, 0.1)
    assert config.training.extra == {"optim": "sgd", "weight_decay": 0.1}


@pytest.mark.parametrize("name", ["demo.toml"])
def test_shipped_configurations_are_valid(name: str) -> None:
    assert load_config(REPOSITORY / "data" / name).run.name


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("sampling.n=9", "sampling", "n", 9),
        ("sampling.temperature=0", "sampling", "temperature", 0.0),
        ("sampling.model=a/b", "sampling", "model", "a/b"),
        ("sampling.model='7'", "sampling", "model", "7"),
        ("sampling.model=", "sampling", "model", ""),
        ("sampling.model=a=b", "sampling", "model", "a=b"),
        (" sampling.model =x y", "sampling", "model", "x y"),
        ("sampling.samples=some/file.jsonl", "sampling", "samples", Path("some/file.jsonl")),
        ('problems.ids=["p/1"]', "problems", "ids", ("p/1",)),
        ("scoring.k=[1, 8]", "scoring", "k", (1, 8)),
        ("pairs.test_share=0.5", "pairs", "test_share", 0.5),
    ],
)
def test_overrides_win(toml: Path, override: str, section: str, key: str, value: object) -> None:
    assert getattr(getattr(load_config(toml, [override]), section), key) == value


def test_the_last_override_wins_and_nested_sections_are_reached(toml: Path) -> None:
    config = load_config(toml, ["seed=1", "seed=2", "problems.columns.tests=checks", "run=out/here"])
    assert (config.seed, config.problems.columns.tests, config.run) == (2, "checks", Path("out/here"))
    assert config.sampling.n == 4


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sampling.temprature=1", "sampling.temprature: no such key; NEAREST sampling.temperature"),
        ("samplign.n=1", "samplign: no such key; NEAREST sampling"),
        ("problems.columns.test=x", "problems.columns.test: no such key; NEAREST problems.columns.tests"),
        ("sandbox.memory=1", "sandbox.memory: no such key; NEAREST sandbox.memory_mib"),
        ("training.extra.max_steps=3", "training.extra: max_steps has a setting of its own; set training"),
        ("training.extra.seed=1", "training.extra: seed is fixed by pairsmith"),
        ("training.extra.model_init_kwargs=3", "training.extra: model_init_kwargs is a table, without the number"),
        ("=1", ": no such key; NEAREST"),
        ("sampling.=1", "sampling.: no such key; NEAREST sampling."),
        ("sampling.n=0", "sampling.n: Input should be greater than or equal to 1 (got 0)"),
        ("sampling.n=many", "sampling.n: Input should be a valid integer"),
        ("sampling.n=1.5", "sampling.n: Input should be a valid integer"),
        ("sampling.top_p=0", "sampling.top_p: Input should be greater than 0"),
        ("sampling.backend=magic", "sampling.backend: Input should be 'auto', 'transformers'"),
        ("sampling.model=7", "sampling.model: Input should be a valid string (got 7)"),
        ("problems.ids=p/1", "problems.ids: Input should be a valid tuple (got 'p/1')"),
        ("scoring.k=[1, 0]", "scoring.k.1: Input should be greater than or equal to 1 (got 0)"),
        ("rounds.replay=1", "rounds.replay: Input should be less than 1"),
        ("sandbox.wall_s=inf", "sandbox.wall_s: Input should be a finite number (got inf)"),
        ("sandbox.wall_s=nan", "sandbox.wall_s: Input should be"),
        ("sampling=3", "sampling: Input should be a valid dictionary"),
        ("seed", "--set seed: write section.key=value"),
        ("seed.more=1", "--set seed.more=1: seed is not a section"),
        ("sampling.n=true", "sampling.n: Input should not be true or false (got True)"),
        ("sampling.temperature=false", "sampling.temperature: Input should not be true or false (got False)"),
        ("run=", "run: is empty; name the folder that the run writes into"),
        ('run=" "', "run: is empty"),
        ('run="a\\u0000b"', "run: a text must not hold NUL"),
        ("sampling.n=" + "[" * 5000, "--set sampling.n: lists are nested too deeply"),
        ("problems.limit" + ".a" * 5000 + "=1", "problems.limit: Input should be a valid integer (got {"),
        ("sampling.n=" + "9" * 5000, "sampling.n: "),
        ('"a\nb"=1', "\"a\\nb\": no such key; NEAREST"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(toml: Path, override: str, said: str) -> None:
    assert message(toml, override).startswith(said.replace("NEAREST", "the nearest known one is"))


def test_an_unknown_key_of_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[pairs]\nmax_per_problems = 3\n")
    said = "pairs.max_per_problems: no such key; the nearest known one is pairs.max_per_problem"
    assert message(path) == said


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert message(path) == f"{path}: no such configuration file"


@pytest.mark.parametrize(
    "content",
    [
        b"seed = ",
        b"[a\n",
        b"seed = 1\nseed = 2\n",
        b"\xff\xfe",
        b"\xff\xfes\0e\0",
        b"seed = 1\0",
        b"a = " + b"[" * 9000,
        b"seed = " + b"9" * 5000,
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    assert message(path).startswith(f"{path}: ")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes("\ufeffseed = 4\n".encode())
    assert load_config(path).seed == 4


def test_a_name_with_nul_is_refused() -> None:
    assert message(Path("a\0b")).startswith("a\\x00b: ")


def test_all_faults_are_reported_at_once_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("sed = 1\n[sampling]\nn = true\ntop_p = 7\n[pairs]\nmax_per_problems = 3\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert sorted(str(caught.value).splitlines()) == [
        "pairs.max_per_problems: no such key; the nearest known one is pairs.max_per_problem",
        "sampling.n: Input should not be true or false (got True)",
        "sampling.top_p: Input should be less than or equal to 1 (got 7)",
        "sed: no such key; the nearest known one is seed",
    ]


def test_faults_of_overrides_and_of_the_file_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('run = ""\ncolour = 1\n')
    with pytest.raises(ConfigError) as raised:
        load_config(path, ("one", "seed.x=1", "sampling.n=0", "two"))
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "--set one",
        "--set two",
        "run",
        "seed",
        "sampling.n",
        "colour",
    ]


def test_a_file_of_a_thousand_faults_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("".join(f"key_{n} = 1\n" for n in range(1000)))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).splitlines()[-1] == "and 980 more"


def test_a_renamed_key_goes_on_working_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[truth]\nn_inputs = 7\n[sampling]\nn_a_request = 3\nn = 5\n")
    config = load_config(path, ["truth.n_mutants=3", "crosscheck.n_inputs=8"])
    found = config.crosscheck
    assert (found.n_inputs, found.n_mutants) == (8, 3), "the new name holds"
    assert (config.sampling.n_per_request, config.sampling.n) == (3, 5)
    assert [record.getMessage() for record in caplog.records] == [
        "configuration: truth is now called crosscheck",
        "configuration: sampling.n_a_request is now called sampling.n_per_request",
    ]


def test_a_removed_key_is_refused_in_one_line() -> None:
    for key in (key for key in REMOVED if not key.startswith("pairs.policies.")):
        assert message(None, f"{key}=3") == f"{key}: is no setting any more; docs/architecture.md says why"
    with pytest.raises(ConfigError, match=r"pairs\.policies\.0\.ancestors: is no setting any more"):
        load_config(None, ["pairs.policies=[{ ancestors = 3 }]"])


def test_a_role_keeps_its_own_defaults_beside_what_is_set() -> None:
    synthesis = load_config(None, ["synthesis.responses.model=m"]).synthesis
    assert (synthesis.responses.n, synthesis.tests.n, synthesis.concepts.n) == (10, 5, 1)


def list_settings() -> Iterator[Key]:
    """Give all settings: the keys of all sections, and those of each kind of tables in a list once.

    What a kind of tables inherits from a section, such as an evaluated set from `problems`, counts there only.
    """
    kinds: dict[type[BaseModel], None] = {}
    for key in list_keys():
        yield key
        if key.tables is not None and key.tables not in kinds:
            kinds[key.tables] = None
            (section, *_) = list_sections(key.tables, (*key.section, key.name))
            yield from own_keys(key.tables, section.keys)


def test_there_are_at_most_300_settings() -> None:
    assert 200 < len(list(list_settings())) <= 300


def test_the_table_of_renamed_keys_leads_to_keys_that_there_are() -> None:
    known = {key.path for key in list_keys()}
    sections = {key.rpartition(".")[0] for key in known}
    tables = {"sampling.vllm.engine", "training.extra"}  # of any keys
    for old, new in RENAMED.items():
        assert new in known | sections or new.rpartition(".")[0] in tables & known
        assert old not in known | sections
    assert not REMOVED & known


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert message(tmp_path).startswith(f"{tmp_path}: ")


def test_a_configuration_is_frozen() -> None:
    config = RunConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        config.sampling.n = 1  # type: ignore[misc]


def test_fingerprints_tell_settings_and_texts_apart() -> None:
    one = SamplingConfig()
    assert fingerprint(one, "a") == fingerprint(SamplingConfig(n=16), "a")
    others = [
        fingerprint(one), fingerprint(one, "b"), fingerprint("a", one), fingerprint(one, "a", ""),
        fingerprint(SamplingConfig(n=17), "a"),
        fingerprint(SamplingConfig(temperature=math.nextafter(0.8, 1)), "a"),
    ]  # fmt: skip
    assert len({*others, fingerprint(one, "a")}) == len(others) + 1
    assert len(others[0]) == 16


def test_borders_between_texts_count() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
