"""InContextEncoder: texts embedded behind a prompt of labelled texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sktart.encoders._base import Encodings, Reads, Rows, as_encodings, encode_distinct
from sktart.encoders._locate import HubModel
from sktart.encoders._options import ModelOptions
from sktart.encoders.cache._hashing import digest
from sktart.encoders.in_context._prompt import Prompt
from sktart.encoders.in_context._prompt_tokens import (
    PromptTokens,
    check_context_fits,
    check_query_fits,
    tokenize_context,
    tokenize_questions,
)
from sktart.encoders.models._batches import group_by_size
from sktart.encoders.models._loading import check_weights
from sktart.encoders.models._pooling import choose_states, pool
from sktart.encoders.models._pretrained import Pretrained, identify_pretrained, load_pretrained
from sktart.encoders.models._progress import progress_bar
from sktart.exceptions import EncoderError
from sktart.rows._entries import is_missing

if TYPE_CHECKING:
    import torch

    from sktart.encoders.in_context._prefix import Prefix

InContextProtocol = Literal["vanilla", "loo"]

# Tokens of a forward pass, those of the prefix counted for each row: about 100 MB of keys and values a layer
# at a width of 768.
_MAX_TOKENS = 16384
# Rows of "loo" may share the beginning of the first of them while that repeats less than this part of the work.
_MAX_REPEATED = 1 / 8


class InContextEncoder:
    r"""A causal text model that reads each text behind labelled ones; the paper's "vanilla" and "loo".

    Rows given to ``fit_encode`` are the context, in their order. Each is an example
    ``Sentence: {text}\nLabel: {label}\n`` (or of another template):

    - "vanilla": one prompt of all examples; row i is read where it stands in it, so behind i others;
    - "loo": row i is read behind all other examples, in their order, with itself left out.

    Rows given to ``encode`` are read behind the whole context, each as if alone. So the rows of the context have
    other encodings in ``fit_encode`` than in ``encode``, where they would stand behind themselves.

    The encoding of a row is the mean of the hidden states of its filled template up to the label,
    ``Sentence: {text}\nLabel:`` (with ``pooling="last"``, the hidden state of its last token), for rows of the
    context and for queries alike: the label of a row never takes part. (The code of the paper stops queries
    before ``\nLabel:``; a query then differs from a row of the context before it is read.)

    The prompt of the context runs once. Its keys and values serve all queries of all calls, and cut short the
    rows of "loo". They are not part of a pickle, and made anew from the stored context when next needed.

    Parameters
    ----------
    source : HubModel, Path or tuple of model and tokenizer
        Where the model is.
    name : str
        For messages.
    protocol : {"vanilla", "loo"}
    prompt : Prompt
    options : ModelOptions
    """

    reads: Reads = "text"

    def __init__(
        self,
        source: HubModel | Path | tuple[Any, Any],
        name: str,
        protocol: InContextProtocol,
        prompt: Prompt,
        options: ModelOptions,
    ):
        if options.pooling == "cls":
            raise EncoderError(
                f"protocol {protocol!r} must have pooling 'mean' or 'last', as the first token of a causal model "
                "reads nothing but itself; got 'cls'"
            )
        self.source = source
        self.name = name
        self.protocol = protocol
        self.prompt = prompt
        self.options = options
        self._state: tuple[PromptTokens, Prefix] | None = None

    def fit(self, rows: Rows, y: Any = None) -> None:
        """Take texts and their labels as the context, without running the model on them."""
        labels = _as_labels(y, len(rows))
        self.prompt.check_labels(labels)
        pairs = zip(rows, labels, strict=True)
        self._examples = [(self.prompt.question(text), self.prompt.answer(label)) for text, label in pairs]
        pretrained = load_pretrained(self.source, self.options)
        self._check_causal(pretrained)
        self._sha256 = pretrained.sha256
        self._state = None

    def fit_encode(self, rows: Rows, y: Any = None) -> Encodings:
        """Take texts and their labels as the context, and encode each text in it."""
        self.fit(rows, y)
        return self.encode_context()

    def encode_context(self) -> Encodings:
        """Encode each text of the context in it; rows and errors are those of ``fit_encode``."""
        pretrained = load_pretrained(self.source, self.options)
        tokens = tokenize_context(pretrained.processor, self._examples)
        check_context_fits(tokens, pretrained.max_length)
        prefix, states = self._read(pretrained, tokens)
        self._state = tokens, prefix
        if self.protocol == "loo":
            return self._encodings(self._leave_each_out(pretrained.model, tokens, prefix))
        spans = zip(tokens.begins, tokens.questions, strict=False)
        return self._encodings([self._pool(states[begin : begin + len(ids)]) for begin, ids in spans])

    def encode(self, rows: Rows) -> Encodings:
        """Encode distinct texts, each behind the whole context."""
        pretrained = load_pretrained(self.source, self.options)
        check_weights(self.name, pretrained.sha256, self._sha256)

        def encode(texts: list[str]) -> NDArray[Any]:
            questions = tokenize_questions(
                pretrained.processor, [self.prompt.question(text) for text in texts]
            )
            tokens = self._state[0] if self._state else tokenize_context(pretrained.processor, self._examples)
            longest = max(range(len(texts)), key=lambda row: len(questions[row]))
            row = list(rows).index(texts[longest])
            check_query_fits(tokens, pretrained.max_length, questions[longest], row, texts[longest])
            if self._state is None:
                self._state = tokens, self._read(pretrained, tokens)[0]
            return self._encodings(self._follow(pretrained.model, self._state[1], questions))

        return encode_distinct(rows, encode, self.name)

    def identity(self) -> str:
        """Return a hash of model, options, prompt and context."""
        model = identify_pretrained(self.source, self.options, self.name, self._sha256)
        # The verbalizer is in the examples, as far as it matters.
        prompt = repr(replace(self.prompt, verbalizer=None))
        pieces = [piece for example in self._examples for piece in example]
        return digest("in context", model, self.protocol, prompt, *pieces)

    def _check_causal(self, pretrained: Pretrained) -> None:
        if pretrained.modality != "text" or not pretrained.is_causal:
            kind = "is not causal" if pretrained.modality == "text" else f"reads {pretrained.modality}"
            raise EncoderError(
                f"protocol {self.protocol!r} needs a causal text model, such as GPT-Neo or Pythia; {self.name} "
                f"{kind}, so pass protocol='stream'"
            )

    def _read(self, pretrained: Pretrained, tokens: PromptTokens) -> tuple[Prefix, torch.Tensor]:
        """Run the context, and make sure that its keys and values stand for it."""
        from sktart.encoders.in_context._prefix import Prefix

        prefix, output = Prefix.read(pretrained.model, tokens.ids, **self._wanted)
        states = self._states(output)[0]
        begin = tokens.begins[-2]
        again = self._states(
            prefix.crop(begin).follow(pretrained.model, [tokens.ids[begin:]], **self._wanted)
        )
        # Far above the rounding of any precision, far below what a wrong position or mask does.
        scale, off = float(states.abs().max()), float((states[begin:] - again[0]).abs().max())
        if not off <= 2 * _resolution(states.dtype) ** 0.5 * scale:
            raise EncoderError(
                f"protocol {self.protocol!r} needs a model that goes on from its keys and values as if it read "
                f"the whole prompt; {self.name} is off by {off:.2g} of {scale:.2g}, so pass protocol='stream'"
            )
        return prefix, states

    def _leave_each_out(self, model: Any, tokens: PromptTokens, prefix: Prefix) -> list[torch.Tensor]:
        vectors = []
        with progress_bar(self.options, self.name, len(tokens.questions)) as bar:
            for run in _runs(tokens, self.options.batch_size):
                rows = [tokens.others_then(row, run[0]) for row in run]
                output = prefix.crop(tokens.begins[run[0]]).follow(model, rows, **self._wanted)
                for row, ids, states in zip(run, rows, self._states(output), strict=True):
                    vectors.append(self._pool(states[len(ids) - len(tokens.questions[row]) : len(ids)]))
                bar.update(len(run))
        return vectors

    def _follow(self, model: Any, prefix: Prefix, questions: list[list[int]]) -> list[torch.Tensor]:
        vectors: list[Any] = [None] * len(questions)
        # Attention looks the prefix up for each row, so it counts in each.
        sizes = [prefix.length + len(ids) for ids in questions]
        with progress_bar(self.options, self.name, len(questions)) as bar:
            for group in group_by_size(sizes, self.options.batch_size, _MAX_TOKENS):
                output = prefix.follow(model, [questions[row] for row in group], **self._wanted)
                for row, states in zip(group, self._states(output), strict=True):
                    vectors[row] = self._pool(states[: len(questions[row])])
                bar.update(len(group))
        return vectors

    @property
    def _wanted(self) -> dict[str, bool]:
        return {"output_hidden_states": self.options.layer not in (None, -1)}

    def _states(self, output: Any) -> torch.Tensor:
        return choose_states(output, self.options.layer, self.name)

    def _pool(self, states: torch.Tensor) -> torch.Tensor:
        return pool(states[None], None, self.options.pooling)[0]

    def _encodings(self, vectors: list[torch.Tensor]) -> Encodings:
        import torch

        return as_encodings(torch.stack(vectors).cpu().numpy(), len(vectors), self.name)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_state": None}

    def __repr__(self) -> str:
        return f"InContextEncoder({self.name}, {self.protocol!r})"


def _as_labels(y: Any, n_rows: int) -> list[Any]:
    """Return one label a row."""
    if y is None:
        raise ValueError(
            "the protocols 'vanilla' and 'loo' show texts with their labels; got no y, so pass fit(X, y)"
        )
    # A list as objects, as numpy would make strings of all labels if one is a string.
    column = np.asarray(y, dtype=None if hasattr(y, "__array__") else object)
    if column.shape not in ((n_rows,), (n_rows, 1)):
        raise ValueError(
            f"y must hold one label for each of the {n_rows} rows of X; got shape {column.shape}"
        )
    labels = [entry.item() if isinstance(entry, np.generic) else entry for entry in column.ravel().tolist()]
    missing = [row for row, label in enumerate(labels) if is_missing(label)]
    if missing:
        raise ValueError(
            f"y must hold a label for each row; rows {missing[:5]} have none, so drop or label them"
        )
    return labels


def _resolution(dtype: torch.dtype) -> float:
    import torch

    return torch.finfo(dtype).eps


def _runs(tokens: PromptTokens, batch_size: int) -> Iterator[list[int]]:
    """Cut the rows of a context into runs of neighbours that all start from the beginning of the first."""
    run: list[int] = []
    end = tokens.begins[-1]
    for row, begin in enumerate(tokens.begins[:-1]):
        if run:
            first = tokens.begins[run[0]]
            full = len(run) == batch_size or (len(run) + 1) * end > _MAX_TOKENS
            if full or begin - first > _MAX_REPEATED * (end - first):
                yield run
                run = []
        run.append(row)
    yield run
