import pytest
from pydantic import ValidationError

from pairsmith.schemas.config.run import BudgetConfig, parse_count


@pytest.mark.parametrize(
    ("text", "n"), [("20M", 20_000_000), ("1.5k", 1500), ("3_000", 3000), ("2g", 2 * 10**9), ("1B", 10**9), (7, 7)]
)
def test_counts_may_have_a_suffix(text: object, n: int) -> None:
    assert parse_count(text) == n
    assert BudgetConfig.model_validate({"tokens": text}).tokens == n


@pytest.mark.parametrize("text", ["many", "-5", "20MM", "", "0"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        BudgetConfig.model_validate({"tokens": text})
