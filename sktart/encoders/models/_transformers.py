"""Encoder from a transformers model of text, image or audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

from numpy.typing import NDArray

from sktart.encoders._base import Encodings, ModelEncoder, Reads, Rows, as_encodings, encode_distinct
from sktart.encoders._options import ModelOptions, refuse_options
from sktart.encoders.cache._hashing import digest
from sktart.encoders.models._batches import Batch, encode_batches
from sktart.encoders.models._clips import clip_batches
from sktart.encoders.models._cuts import warn_of_cuts
from sktart.encoders.models._images import image_batches
from sktart.encoders.models._loading import check_weights
from sktart.encoders.models._pooling import choose_states, pool
from sktart.encoders.models._pretrained import Modality, Pretrained, identify_pretrained, load_pretrained
from sktart.encoders.models._progress import progress_bar
from sktart.encoders.models._texts import text_batches
from sktart.exceptions import EncoderError

_BATCHES: dict[Modality, Callable[[Any, Pretrained, ModelOptions], Iterator[Batch]]] = {
    "text": text_batches,
    "image": image_batches,
    "audio": clip_batches,
}
_USELESS: dict[Modality, tuple[str, ...]] = {
    "text": ("sampling_rate",),
    "image": ("sampling_rate", "max_length", "text_prefix"),
    "audio": ("text_prefix",),
}


class TransformersEncoder(ModelEncoder):
    """A transformers model without its head, whose states are pooled to one vector a row."""

    @property
    def reads(self) -> Reads:  # type: ignore[override]
        """What the model reads; known once it is loaded, so this loads it."""
        return load_pretrained(self.source, self.options).modality

    def fit(self, rows: Rows, y: Any = None) -> None:
        """Remember with which weights rows are encoded."""
        pretrained = load_pretrained(self.source, self.options)
        useless = _USELESS[pretrained.modality]
        refuse_options(self.options, useless, f"encoder {self.name} reads {pretrained.modality}")
        self._sha256 = pretrained.sha256

    def encode(self, rows: Rows) -> Encodings:
        """Encode rows, each on its own; of texts, the distinct ones."""
        pretrained = load_pretrained(self.source, self.options)
        check_weights(self.name, pretrained.sha256, self._sha256)
        if pretrained.modality != "text":
            return as_encodings(self._encode(rows, pretrained), len(rows), self.name)
        return encode_distinct(rows, lambda texts: self._encode(texts, pretrained), self.name)

    def warn_of_cuts(self, rows: Rows) -> None:
        """Warn of texts beyond the model's limit; where the user set it, the cut is meant."""
        pretrained = load_pretrained(self.source, self.options)
        if pretrained.modality == "text" and self.options.max_length is None:
            warn_of_cuts(
                rows, pretrained.processor, pretrained.max_length, self.name, self.options.text_prefix
            )

    def _encode(self, rows: Any, pretrained: Pretrained) -> NDArray[Any]:
        def encode(batch: Batch) -> Any:
            return pool(self._states(pretrained.model, batch), batch.counts, self.options.pooling)

        batches = _BATCHES[pretrained.modality](rows, pretrained, self.options)
        return encode_batches(batches, encode, progress_bar(self.options, self.name, len(rows)))

    def _states(self, model: Any, batch: Batch) -> Any:
        """Return the states of the layer, of shape (B, L, W)."""
        layer = -1 if self.options.layer is None else self.options.layer
        # Only decoders know keys and values to keep, and there is no use for them here.
        decoder = {"use_cache": False} if "use_cache" in signature(model.forward).parameters else {}
        output = model(**batch.inputs, **decoder, output_hidden_states=layer != -1)
        if getattr(output, "last_hidden_state", None) is None:
            raise EncoderError(
                f"encoder {self.name} must return hidden states; {type(model).__name__} returns "
                f"{', '.join(output.keys())}, so choose another model"
            )
        states = choose_states(output, layer, self.name)
        # Convolutional networks for images return (B, W, height, width).
        return states.flatten(2).transpose(1, 2) if states.ndim == 4 else states

    def identity(self) -> str:
        """Return a hash of the model and of the options that matter."""
        return digest("transformers", identify_pretrained(self.source, self.options, self.name, self._sha256))
