"""A key-value cache with a fixed number of rows, each of which can be given to another sequence.

transformers' own cache grows by concatenation, so every step copies the whole of it: 20% (bfloat16) to 68%
(float32) of the time with SmolLM2 and 64 rows on 2 cores. This one writes in place.
"""

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

from pairsmith.pipeline.sampling.protocol import SamplingError


class SlotLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, [rows, heads, columns, size]; all rows end at the same column."""

    def __init__(self, n_columns: int) -> None:
        """Make an empty layer; memory is taken at the first `place`."""
        super().__init__()
        self.n_columns = n_columns
        self.length = 0

    def place(self, layer: DynamicLayer, n_rows: int, rows: torch.Tensor, owners: torch.Tensor, at: int) -> None:
        """Write prompts into rows so that they end at column `at`.

        Args:
            layer: keys and values of the prompts, left-padded.
            n_rows: rows of this cache, for its first use.
            rows: [n], rows to write.
            owners: [n], the prompt that goes into each.
            at: column behind the prompt's last token.
        """
        if not self.is_initialized:
            self.lazy_initialization(layer.keys, layer.values)
            shape = (n_rows, layer.keys.shape[1], self.n_columns)
            # Zeros, for what is masked is still multiplied by 0, and 0 * nan is nan.
            self.all_keys = layer.keys.new_zeros(*shape, layer.keys.shape[3])
            self.all_values = layer.values.new_zeros(*shape, layer.values.shape[3])
        n = layer.keys.shape[-2]
        self.all_keys[rows, :, at - n : at] = layer.keys[owners]
        self.all_values[rows, :, at - n : at] = layer.values[owners]
        self.length = at

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one column and return all columns so far."""
        end = self.length + key_states.shape[-2]
        self.all_keys[:, :, self.length : end] = key_states
        self.all_values[:, :, self.length : end] = value_states
        self.length = end
        return self.all_keys[:, :, :end], self.all_values[:, :, :end]

    def get_seq_length(self) -> int:
        """Return the columns in use."""
        return self.length

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Drop all other rows."""
        self.all_keys, self.all_values = self.all_keys[rows], self.all_values[rows]

    def drop_columns(self, n: int) -> None:
        """Drop the first n columns."""
        for states in (self.all_keys, self.all_values):
            states[:, :, : self.length - n] = states[:, :, n : self.length].clone()
        self.length -= n


def slot_cache(config: Any, n_columns: int) -> Cache:
    """Return an empty cache for a model.

    Args:
        config: the model's configuration.
        n_columns: tokens that a row holds, those of earlier sequences included.

    Raises:
        SamplingError: if the model keeps other states than keys and values, or a window shorter than that.
    """
    layers = DynamicCache(config=config).layers
    n_layers = config.get_text_config(decoder=True).num_hidden_layers
    for layer in layers:
        window = layer.sliding_window if type(layer) is DynamicSlidingWindowLayer else n_columns
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) or window < n_columns:
            raise SamplingError(
                f"{config.model_type}: the transformers backend can't batch this kind of model; "
                "set sampling.backend to vllm or openai"
            )
    return Cache(layers=[SlotLayer(n_columns) for _ in range(n_layers)])
