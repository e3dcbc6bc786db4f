"""Focal training: DPO over the tokens that differ between two answers."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.pairing.tables import diff_spans
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.schemas.pair import Message, Pair, Span
from pairsmith.schemas.problem import Problem
from tests.training_kit import CONFIG, build_tiny_model, make_pair, write_pairs

pytestmark = pytest.mark.slow


def spanned(pair: Pair) -> Pair:
    sides = diff_spans(pair.chosen[0].content, pair.rejected[0].content)
    spans = [tuple(Span(*span) for span in side) for side in sides]
    return replace(pair, chosen_spans=spans[0], rejected_spans=spans[1])


def repaired(number: int, problem: Problem, wrong: str) -> Pair:
    """Return a person's wrong program of a starter problem with its reference."""
    sides = [(Message("assistant", f"```python\n{code.strip()}\n```"),) for code in (problem.reference, wrong)]
    asked = (Message("user", problem.prompt),)
    return spanned(replace(make_pair(number), prompt=asked, chosen=sides[0], rejected=sides[1]))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("trl")
    return build_tiny_model(tmp_path_factory.mktemp("tiny"))


def reference_loss(model: Any, start: Any, tokenizer: Any, pairs: list[Pair], beta: float) -> Any:
    """Return the mean of -log sigmoid(beta (up - down)) in float64, written without any of the trainer's code.

    up and down sum log pi / pi_ref over the tokens that hold a character of a span, found token by token.
    """
    import torch

    losses = []
    for pair in pairs:
        gaps = []
        for side in ("chosen", "rejected"):
            answer = getattr(pair, side)[0].content
            prompt = f"<|im_start|>user\n{pair.prompt[0].content}<|im_end|>\n<|im_start|>assistant\n"
            text = f"{prompt}{answer}<|im_end|>\n"
            encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            ids = torch.tensor([encoded["input_ids"]])
            characters = {
                len(prompt) + n for span in getattr(pair, f"{side}_spans") for n in range(span.start, span.end)
            }
            total = torch.zeros((), dtype=torch.float64)
            for sign, one in ((1.0, model), (-1.0, start)):
                logits = one(ids).logits[0].double()
                chances = logits - logits.logsumexp(-1, keepdim=True)
                for place, (first, behind) in enumerate(encoded["offset_mapping"]):
                    if place and characters & set(range(first, behind)):
                        total = total + sign * chances[place - 1, ids[0, place]]
            gaps.append(total)
        losses.append(-torch.nn.functional.logsigmoid(beta * (gaps[0] - gaps[1])))
    return torch.stack(losses).mean()


def test_loss_and_gradient_equal_a_float64_reference(tiny: Path, tmp_path: Path) -> None:
    import datasets
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig

    from pairsmith.pipeline.training.losses import PairTrainer
    from pairsmith.pipeline.training.methods import METHODS, knobs
    from pairsmith.pipeline.training.reading import with_focus
    from pairsmith.pipeline.training.trainer import quiet

    pairs = [spanned(make_pair(n)) for n in range(3)]
    # An insertion: the rejected side has no token that counts.
    longer = replace(make_pair(5), chosen=(Message("assistant", make_pair(5).rejected[0].content + " # done"),))
    pairs.append(spanned(longer))
    assert pairs[-1].rejected_spans == ()
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    rows = datasets.Dataset.from_list(
        [
            {
                side: [{"role": one.role, "content": one.content} for one in getattr(pair, side)]
                for side in ("prompt", "chosen", "rejected")
            }
            | {
                f"{side}_spans": [{"start": one.start, "end": one.end} for one in getattr(pair, f"{side}_spans")]
                for side in ("chosen", "rejected")
            }
            for pair in pairs
        ]
    )  # fmt: skip
    model, start = (AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float64) for _ in range(2))
    with torch.no_grad():  # not at the start, where the loss is ln 2 whatever counts
        torch.manual_seed(1)
        for value in model.parameters():
            value += 0.02 * torch.randn_like(value)
    config = CONFIG.model_copy(update={"method": "focal", "beta": 0.3})
    with quiet():
        arguments = DPOConfig(
            output_dir=str(tmp_path), max_length=256, per_device_train_batch_size=4, use_cpu=True,
            report_to="none", beta=0.3, bf16=False, disable_dropout=True,
        )  # fmt: skip
        trainer = PairTrainer(
            model=model, ref_model=start, args=arguments, train_dataset=with_focus(rows, tokenizer),
            processing_class=tokenizer,
        )  # fmt: skip
    trainer.set_up(METHODS["focal"], knobs(METHODS["focal"], config), ())
    batch = trainer.data_collator([trainer.train_dataset[n] for n in range(4)])
    model.zero_grad()
    with quiet():
        loss = trainer.compute_loss(model, batch)
    loss.backward()
    ours = torch.cat([value.grad.flatten() for value in model.parameters() if value.grad is not None])
    model.zero_grad()
    expected = reference_loss(model, start, tokenizer, pairs, 0.3)
    expected.backward()
    theirs = torch.cat([value.grad.flatten() for value in model.parameters() if value.grad is not None])
    assert abs(loss.item() - math.log(2.0)) > 1e-3
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert float((ours - theirs).abs().max()) < 1e-6
    assert float(theirs.abs().max()) > 1e-3


def test_it_trains_from_ln_2_and_refuses_rows_without_spans(tiny: Path, tmp_path: Path) -> None:
    from pairsmith.pipeline.training.checks import TrainingError
    from pairsmith.pipeline.training.run import train

    config = CONFIG.model_copy(update={"method": "focal"})
    write_pairs(tmp_path / "train-0.parquet", [spanned(make_pair(n)) for n in range(8)])
    summary = train(tmp_path, tiny, config, tmp_path / "out", 0, lambda step: None)
    assert summary.first_loss == pytest.approx(math.log(2.0), abs=1e-4)
    assert summary.steps[-1].loss < summary.steps[0].loss
    (tmp_path / "plain").mkdir()
    write_pairs(tmp_path / "plain" / "train-0.parquet", [make_pair(n) for n in range(8)])
    with pytest.raises(TrainingError, match="row 0 has none; build pairs with the policy repaired"):
        train(tmp_path / "plain", tiny, config, tmp_path / "other", 0, lambda step: None)


@pytest.mark.nightly
@pytest.mark.model
def test_five_real_steps(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from pairsmith.pipeline.sampling.models import embedded_model
    from pairsmith.pipeline.training.run import train

    start = embedded_model(Path.home() / ".cache" / "pairsmith", print)
    config = CONFIG.model_copy(
        update={"method": "focal", "max_steps": 5, "max_length": 256, "learning_rate": 1e-4}
    )
    repairs = [
        repaired(number, item.problem, item.wrong[0].code)
        for number, item in enumerate(load_starter(starter_folder()))
        if item.problem.level == "trivial" and item.problem.language == "python" and item.wrong
    ]
    write_pairs(tmp_path / "train-0.parquet", repairs[:12])
    summary = train(tmp_path, start, config, tmp_path / "out", 0, lambda step: None)
    assert len(summary.steps) == 5
    assert summary.steps[-1].loss < math.log(2.0)
    print(json.dumps([step.loss for step in summary.steps]))
