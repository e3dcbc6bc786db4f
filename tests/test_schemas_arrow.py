import io
import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.schemas.arrow import SCHEMA_VERSION, arrow_schema, from_table, measured_columns, to_table
from pairsmith.schemas.candidate import Candidate, OtherBlock, Program, Repeat, Syntax
from pairsmith.schemas.execution import CaseRun, Execution, OtherRun, Status, TestRun
from pairsmith.schemas.manifest import Manifest
from pairsmith.schemas.pair import Mark, Message, Pair, Repair, Span
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.score import (
    Gain,
    Gate,
    GateCheck,
    Interval,
    LostApproach,
    ProblemScore,
    RoundRow,
    RoundsResult,
    Score,
    SliceGain,
    StudyRow,
)
from pairsmith.schemas.training import DatasetStep, TrainingStep, TrainingSummary
from pairsmith.schemas.verdict import CandidateCrosscheck, ProblemCrosscheck, Verdict

RECORDS = (
    DatasetStep, Repair, OtherBlock,
    OtherRun,
    Span,
    Candidate, Case, CaseRun, Execution, Gain, Interval,
    Mark, Message, Pair, Problem, Program, Repeat, SliceGain,
    Syntax, TestRun, TrainingStep, TrainingSummary, Verdict, CandidateCrosscheck, ProblemCrosscheck,
)  # fmt: skip
AS_JSON = {Score, ProblemScore, Gate, GateCheck, StudyRow, RoundRow, LostApproach, RoundsResult}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)  # no lone surrogates: Parquet holds UTF-8
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of everything that a field of this type may hold."""
    if hint in SCALARS:
        return SCALARS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return st.one_of(*(st.none() if argument is type(None) else values_of(argument) for argument in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if is_dataclass(hint):
        parts = {name: values_of(part) for name, part in typing.get_type_hints(hint).items()}
        return st.builds(typing.cast(Any, hint), **parts)
    assert issubclass(hint, Enum)
    return st.sampled_from(list(hint))


def through_parquet(table: pa.Table) -> pa.Table:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return pq.read_table(io.BytesIO(sink.getvalue()))


@pytest.mark.parametrize("record", RECORDS)
@settings(max_examples=12, deadline=None)
@given(draw=st.data())
def test_records_come_back_from_a_table_and_from_parquet(record: type, draw: st.DataObject) -> None:
    rows = draw.draw(st.lists(values_of(record), max_size=3))
    table = to_table(rows, record)
    assert table.schema.equals(arrow_schema(record), check_metadata=True)
    for seen in (table, through_parquet(table)):
        back: list[Any] = from_table(seen, record)
        assert back == rows
        assert [repr(row) for row in back] == [
            repr(row) for row in rows
        ]  # types too: 1 is not 1.0, "ok" no Status


def test_no_record_is_left_out() -> None:
    from pairsmith import schemas

    found = {
        thing
        for name in ("candidate", "execution", "pair", "problem", "score", "training", "verdict")
        for thing in vars(__import__(f"{schemas.__name__}.{name}", fromlist=[name])).values()
        if is_dataclass(thing) and isinstance(thing, type)
    }
    assert found - AS_JSON == set(RECORDS)


@pytest.mark.parametrize("record", [Score, ProblemScore, Manifest])
def test_a_record_without_an_arrow_twin_says_so(record: type) -> None:
    with pytest.raises(TypeError, match="no Arrow type for dict"):
        arrow_schema(record)


def test_the_schema_names_its_record_and_version() -> None:
    assert arrow_schema(Verdict).metadata == {
        b"pairsmith:record": b"Verdict",
        b"pairsmith:schema_version": str(SCHEMA_VERSION).encode(),
    }
    metadata = through_parquet(to_table([], Verdict)).schema.metadata
    assert metadata[b"pairsmith:record"] == b"Verdict"


def test_arrow_types_follow_the_hints() -> None:
    schema = arrow_schema(Candidate)
    assert [field.name for field in schema] == [field.name for field in fields(Candidate)]
    assert schema.field("mean_logprob").nullable
    assert not schema.field("completion").nullable
    run = arrow_schema(Execution).field("runs").type.value_type
    assert run.field("status").type == pa.string()
    assert run.field("wall_s").type == pa.float64()
    assert arrow_schema(Problem).field("cases").type.value_type.field("compare").type == pa.string()


def test_enums_become_plain_text_and_come_back() -> None:
    run = CaseRun(Status.TIMEOUT, "", "", "", 0.5)
    table = to_table([run], CaseRun)
    assert table["status"].to_pylist() == ["timeout"]
    assert from_table(table, CaseRun)[0].status is Status.TIMEOUT


def test_measured_columns_are_dotted() -> None:
    assert measured_columns(Execution) == (
        "runs.wall_s",
        "cpu_s",
        "wall_s",
        "peak_memory_mib",
        "cpu_wait_s",
        "other_runs.runs.wall_s",
    )
    assert measured_columns(CaseRun) == ("wall_s",)
    assert measured_columns(Verdict) == ()


def test_a_missing_column_is_named() -> None:
    table = to_table([], Program).drop_columns(["form"])
    with pytest.raises(KeyError, match=r"no column 'form' for Program; the columns are \['candidate_id'"):
        from_table(table, Program)


def test_a_missing_nested_column_is_named() -> None:
    row = {"arguments": "[]", "compare": "equal"}
    columns = {field.name: [""] for field in fields(Problem)} | {"judged_by": ["cases"], "cases": [[row]]}
    with pytest.raises(KeyError, match="expected"):
        from_table(pa.table(columns), Problem)


def test_more_columns_and_another_order_do_no_harm() -> None:
    rows = [Message("user", "é\U0001f600\0")]
    table = to_table(rows, Message)
    table = table.append_column("more", pa.array([1])).select(["more", "content", "role"])
    assert from_table(table, Message) == rows


def test_none_is_refused_where_a_value_must_be() -> None:
    broken = to_table([Message(None, "x")], Message)  # type: ignore[arg-type]
    with pytest.raises(pa.ArrowInvalid, match="non-nullable"):
        through_parquet(broken)


@dataclass(frozen=True)
class _Inner:
    name: str


@dataclass(frozen=True)
class _Outer:
    one: _Inner
    maybe: _Inner | None
    grid: tuple[tuple[int, ...], ...]


@given(rows=st.lists(values_of(_Outer), max_size=3))
@settings(max_examples=25, deadline=None)
def test_nested_records_and_tuples_come_back(rows: list[_Outer]) -> None:
    assert from_table(through_parquet(to_table(rows, _Outer)), _Outer) == rows
