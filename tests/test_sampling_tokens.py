import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pairsmith.pipeline.sampling.generating import draw_tokens, gumbel_noise  # noqa: E402

N_DRAWS = 20_000


def draw(logits: list[float], temperature: float, top_p: float, n: int = N_DRAWS) -> tuple[list[int], list[float]]:
    """Draw n tokens, one a seed."""
    rows = torch.tensor([logits]).expand(n, -1)
    tokens, logprobs = draw_tokens(
        rows,
        torch.full((n,), temperature),
        torch.full((n,), top_p),
        torch.arange(n),
        torch.full((n,), 7),
    )
    return tokens.tolist(), logprobs.tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_tokens", [5, 200])
def test_draws_follow_the_tempered_distribution(temperature: float, n_tokens: int) -> None:
    logits = torch.linspace(2.0, -2.0, n_tokens)
    expected = (logits / temperature).softmax(-1) * N_DRAWS
    tokens, _ = draw(logits.tolist(), temperature, 1.0)
    counts = torch.bincount(torch.tensor(tokens), minlength=n_tokens)
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    # Mean n - 1, standard deviation sqrt(2 (n - 1)); the noise is fixed, so this can't flicker.
    assert chi_squared < (n_tokens - 1) + 4 * (2 * (n_tokens - 1)) ** 0.5


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().tolist()
    assert set(draw(logits, 1.0, 0.79)[0]) == {0, 1}
    assert set(draw(logits, 1.0, 0.81)[0]) == {0, 1, 2}
    assert set(draw(logits, 1.0, 0.01)[0]) == {0}
    assert set(draw(logits, 1.0, 1.0)[0]) == {0, 1, 2, 3}


def test_top_p_looks_beyond_the_tokens_tried_first() -> None:
    tokens, _ = draw([0.0] * 300, 1.0, 0.988, n=3000)
    assert len(set(tokens)) == 297  # the first that reach 0.988 * 300 = 296.4


def test_temperature_0_takes_the_most_probable_token() -> None:
    tokens, logprobs = draw([0.0, 1.0, 0.5], 0.0, 0.9, n=50)
    assert set(tokens) == {1}
    assert logprobs[0] == pytest.approx(float(torch.tensor([0.0, 1.0, 0.5]).log_softmax(-1)[1]))


def test_log_probabilities_are_the_models_own_not_the_tempered_ones() -> None:
    tokens, logprobs = draw([0.0, 1.0, 0.5], 0.3, 0.9, n=50)
    expected = torch.tensor([0.0, 1.0, 0.5]).log_softmax(-1)
    assert logprobs == pytest.approx([float(expected[token]) for token in tokens])


def test_a_row_draws_the_same_alone_and_among_others_whatever_theirs() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 500)
    temperature = torch.tensor([0.8, 0.0, 1.5, 0.8, 1.0, 0.3])
    top_p = torch.tensor([0.95, 0.5, 1.0, 0.2, 0.999, 0.9])
    seed, step = torch.tensor([1, 2, 3, 2**31 - 1, 5, 6]), torch.tensor([0, 1, 2, 3, 500, 5])
    together, _ = draw_tokens(logits, temperature, top_p, seed, step)
    for i in range(6):
        one = slice(i, i + 1)
        alone, _ = draw_tokens(logits[one], temperature[one], top_p[one], seed[one], step[one])
        assert alone.tolist() == together[one].tolist()


def test_noise_is_standard_gumbel_and_belongs_to_seed_step_and_token() -> None:
    noise = gumbel_noise(torch.arange(200), torch.zeros(200, dtype=torch.int64), torch.arange(100).expand(200, -1))
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.03)  # Euler's constant
    assert float(noise.var()) == pytest.approx(torch.pi**2 / 6, abs=0.06)
    assert len(set(noise.flatten().tolist())) > 0.99 * noise.numel()
    one = torch.tensor([5])
    assert (
        gumbel_noise(one, one, torch.tensor([[9, 3]])).tolist()
        != gumbel_noise(one, one, torch.tensor([[3, 9]])).tolist()
    )
    assert (
        gumbel_noise(one, one, torch.tensor([[9, 3]]))[0, 1] == gumbel_noise(one, one, torch.tensor([[3]]))[0, 0]
    )
