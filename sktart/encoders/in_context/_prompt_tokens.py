"""PromptTokens: what stands where in the prompt of a context, and whether a query fits behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, takewhile
from operator import itemgetter
from typing import Any


@dataclass(frozen=True)
class PromptTokens:
    """The prompt of a context: a start, then the question and the answer of each example.

    Parameters
    ----------
    start : list of int
        What the tokenizer puts in front of any text, such as a token for the beginning; often empty.
    questions, answers : lists of k lists of int
        Tokens of each example up to its label, and from its label on.

    Examples
    --------
    >>> prompt = PromptTokens([0], [[1, 1], [2]], [[7], [8]])
    >>> prompt.ids, prompt.begins
    ([0, 1, 1, 7, 2, 8], [1, 4, 6])
    >>> prompt.others_then(0, begin=0)
    [2, 8, 1, 1]
    """

    start: list[int]
    questions: list[list[int]]
    answers: list[list[int]]

    @cached_property
    def ids(self) -> list[int]:
        """All tokens of the prompt."""
        pieces = zip(self.questions, self.answers, strict=True)
        return [*self.start, *chain.from_iterable(question + answer for question, answer in pieces)]

    @cached_property
    def begins(self) -> list[int]:
        """Place of the first token of each example, and of what follows the last."""
        pieces = zip(self.questions, self.answers, strict=True)
        sizes = (len(question) + len(answer) for question, answer in pieces)
        return list(accumulate(sizes, initial=len(self.start)))

    def others_then(self, row: int, begin: int) -> list[int]:
        """Return the prompt of all examples but `row`, then the question of `row`, from example `begin` on."""
        before = self.ids[self.begins[begin] : self.begins[row]]
        return before + self.ids[self.begins[row + 1] :] + self.questions[row]


def tokenize_context(tokenizer: Any, examples: Sequence[tuple[str, str]]) -> PromptTokens:
    """Turn the questions and answers of a prompt into tokens.

    Each piece becomes tokens on its own, so that the tokens of a prompt are those of its pieces in a row.
    """
    questions, answers = (list(pieces) for pieces in zip(*examples, strict=True))
    start = _start(tokenizer, questions[0])
    return PromptTokens(start, tokenize_questions(tokenizer, questions), _tokenize(tokenizer, answers))


def tokenize_questions(tokenizer: Any, questions: list[str]) -> list[list[int]]:
    """Return the tokens of each question."""
    tokens = _tokenize(tokenizer, questions)
    for question, ids in zip(questions, tokens, strict=True):
        if not ids:
            raise ValueError(
                f"a text and the words of the prompt around it must make at least one token; {question!r} "
                "makes none, so drop it or put words into the template"
            )
    return tokens


def check_context_fits(context: PromptTokens, window: int | None) -> None:
    """Refuse a context that leaves no room for a query as long as its longest text."""
    n_context, longest = len(context.ids), max(map(len, context.questions))
    if window is not None and n_context + longest > window:
        raise ValueError(
            f"context and query must fit the window of {window} tokens; the {len(context.questions)} examples "
            f"take {n_context} and the longest of their texts as a query {longest} more, so {_CURES}"
        )


def check_query_fits(context: PromptTokens, window: int | None, ids: list[int], row: int, text: str) -> None:
    """Refuse a query that does not fit behind the context."""
    n_context = len(context.ids)
    if window is not None and n_context + len(ids) > window:
        raise ValueError(
            f"context and query must fit the window of {window} tokens; the {len(context.questions)} examples "
            f"take {n_context} and row {row} of those to encode, {text[:30]!r}, takes {len(ids)} more, so {_CURES}"
        )


_CURES = "fit fewer rows, cut texts with prompt={'max_chars': ...}, or pass protocol='stream'"


def _tokenize(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    # Lengths are held against the window later, for whole prompts.
    return tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]


def _start(tokenizer: Any, text: str) -> list[int]:
    """Return the special tokens that stand before a text."""
    encoded = tokenizer(text, return_special_tokens_mask=True, verbose=False)
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    return [token for token, _ in takewhile(itemgetter(1), zip(ids, special, strict=True))]
