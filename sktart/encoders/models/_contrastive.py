"""Train a sentence encoder so that texts of a class come together and others apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

Weights = dict[str, NDArray[Any]]

_PAIRS = 8  # of a step: two texts of a class each
_TEMPERATURE = 0.1
_WARM_UP = 0.1  # of all steps
_MAX_TOKENS = 128  # of a text in training; only that many are read, which bounds the time of a step


@dataclass(frozen=True)
class Adaptation:
    """How an encoder is trained on labelled texts; documented at ``TartTransformer``."""

    steps: int = 40
    learning_rate: float = 1e-4
    folds: int = 2


def draw_pairs(codes: NDArray[np.intp], steps: int, rng: np.random.RandomState) -> Iterator[NDArray[np.intp]]:
    """Yield for each step the places of texts, (2 * pairs,): two of a class, two of another one, and so on.

    Each class comes as often as any other, and each text as often as the others of its class. The only text of a class
    is a pair with itself.
    """
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    decks: list[list[int]] = [[] for _ in members]
    turns: list[int] = []

    def draw(code: int) -> int:
        if not decks[code]:
            decks[code] = rng.permutation(members[code]).tolist()
        return decks[code].pop()

    for _ in range(steps):
        places = []
        for _ in range(_PAIRS):
            if not turns:
                turns = rng.permutation(len(members)).tolist()
            code = turns.pop()
            places += [draw(code), draw(code)]
        yield np.array(places)


def contrastive_loss(vectors: Tensor, codes: Tensor) -> Tensor:
    """Return how hard it is to tell from cosines (B, B) which of B rows are of one class.

    It is the supervised contrastive loss of Khosla et al. (2020), equation 2, of vectors (B, D).
    """
    from torch.nn.functional import normalize

    unit = normalize(vectors, dim=-1)
    is_same = codes[:, None] == codes
    itself = is_same.new_ones(len(codes)).diag()
    is_same &= ~itself
    log_share = (unit @ unit.T / _TEMPERATURE).masked_fill(itself, -1e9).log_softmax(-1)
    return -((log_share * is_same).sum(1) / is_same.sum(1)).mean()


class Trainee:
    """A copy of a model, whose weights are trained anew from the same start each time.

    Tables of tokens stay as they are, as few labelled texts touch few of their rows: so they need not be kept, nor
    copied. There is no dropout, hence nothing random but the order of the texts.
    """

    def __init__(self, model: SentenceTransformer, prompt: str | None):
        self.model = copy_without_tables(model)
        self.prompt = prompt
        self._start = self.weights()

    def weights(self) -> Weights:
        """Return the weights that are trained, as they are now."""
        return {
            name: weight.detach().cpu().numpy().copy() for name, weight in trained_weights(self.model).items()
        }

    def train(
        self,
        texts: Sequence[str],
        codes: NDArray[np.intp],
        adaptation: Adaptation,
        rng: np.random.RandomState,
        bar: Any,
    ) -> None:
        """Train on texts with the codes of their classes; the weights stay in place."""
        import torch

        self.reset()
        limit = self.model.max_seq_length
        self.model.max_seq_length = _MAX_TOKENS if limit is None else min(limit, _MAX_TOKENS)
        weights = list(trained_weights(self.model).values())
        steps = adaptation.steps
        optimiser = torch.optim.AdamW(weights, lr=adaptation.learning_rate)
        warm = max(1, round(_WARM_UP * steps))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
        )
        with torch.enable_grad():
            for places in draw_pairs(codes, steps, rng):
                loss = contrastive_loss(
                    self._vectors([texts[place] for place in places]),
                    torch.from_numpy(codes[places]).to(self.model.device),
                )
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimiser.step()
                schedule.step()
                bar.update(1)
        self.model.max_seq_length = limit

    def reset(self) -> None:
        """Put the weights of the start in place."""
        set_weights(self.model, self._start)

    def _vectors(self, texts: list[str]) -> Tensor:
        features = self.model.preprocess(texts, prompt=self.prompt)
        on_device = {
            name: part.to(self.model.device) if hasattr(part, "to") else part
            for name, part in features.items()
        }
        return self.model(on_device)["sentence_embedding"]


def trained_weights(model: SentenceTransformer) -> dict[str, Any]:
    """Return the weights of a model by name, without those of its tables of tokens and positions."""
    from torch.nn import Embedding, EmbeddingBag

    tables = {
        id(weight)
        for module in model.modules()
        if isinstance(module, Embedding | EmbeddingBag)
        for weight in module.parameters()
    }
    return {name: weight for name, weight in model.named_parameters() if id(weight) not in tables}


def copy_without_tables(model: SentenceTransformer) -> SentenceTransformer:
    """Return a copy of a model that has the weights which are trained for itself, and shares memory with the others."""
    from torch.nn import Parameter

    own = {id(weight) for weight in trained_weights(model).values()}
    memo: dict[int, Any] = {
        id(weight): Parameter(weight.detach(), requires_grad=False)
        for weight in model.parameters()
        if id(weight) not in own
    }
    return deepcopy(model, memo).eval()


def set_weights(model: SentenceTransformer, weights: Weights) -> None:
    """Put weights into a model, in the precision of the model."""
    import torch

    with torch.no_grad():
        for name, weight in trained_weights(model).items():
            weight.copy_(torch.from_numpy(weights[name])).requires_grad_()
