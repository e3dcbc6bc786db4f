from pairsmith.pipeline.report.tables import step_words, summary_lines
from pairsmith.schemas.training import TrainingStep, TrainingSummary
from tests.training_kit import STEP


def test_the_bar_says_what_a_method_has() -> None:
    assert step_words(STEP) == "loss 0.693, margin +0.000, accuracy 0.50, chosen -40.2, rejected -38.5"
    assert step_words(TrainingStep(1, 2.5, None, None, None, None, 1e-4, 0.1)) == "loss 2.500"


def test_the_end_says_what_was_left_out_and_warned_of() -> None:
    summary = TrainingSummary(
        "kto",
        "tiny",
        9,
        3,
        0.5,
        (STEP,),
        warnings=("mind this",),
    )
    assert summary_lines(summary) == [
        "training    on 9 answers, 3 longer than max_length left out; first loss 0.5000",
        "warning     mind this",
    ]
    assert summary_lines(TrainingSummary("dpo", "tiny", 9, 0, 0.6931, (STEP,))) == [
        "training    on 9 pairs; first loss 0.6931 (ln 2)"
    ]
