"""Prompt: the words around a text and its label, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Prompt:
    r"""How texts and labels become the examples of a prompt.

    Parameters
    ----------
    template : str, default="Sentence: {text}\nLabel: {label}\n"
        One example. It holds ``{text}`` once and, behind it, ``{label}`` once; the rest is taken literally.
    verbalizer : mapping from class label to str, or None, default=None
        The word for each class. None writes labels as ``str`` does.
    max_chars : int or None, default=None
        Most characters of a text; None leaves texts whole.
    truncation_side : {"right", "left"}, default="right"
        Where a longer text is cut: "right" keeps its beginning, "left" its end.
    strip : bool, default=True
        Strip white space from both ends of a text before it is cut.

    Raises
    ------
    ValueError
        If a field breaks its rule.

    Notes
    -----
    The paper's prompt for its two classes 0 and 1 is
    ``Prompt(max_chars=100, verbalizer={0: "negative", 1: "positive"})``.

    Examples
    --------
    >>> prompt = Prompt(max_chars=7, verbalizer={0: "negative", 1: "positive"})
    >>> prompt.question(" a lovely film "), prompt.answer(1)
    ('Sentence: a lovel\nLabel:', ' positive\n')
    """

    template: str = "Sentence: {text}\nLabel: {label}\n"
    verbalizer: Mapping[Any, str] | None = None
    max_chars: int | None = None
    truncation_side: str = "right"
    strip: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.template, str) or not _is_template(self.template):
            raise ValueError(
                "template must hold {text} once and, behind it, {label} once, "
                rf"such as 'Review: {{text}}\nMood: {{label}}\n'; got {self.template!r}"
            )
        if self.verbalizer is not None:
            _check_verbalizer(self.verbalizer)
        limit = self.max_chars
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise ValueError(f"max_chars must be None or an integer of at least 1; got {limit!r}")
        if self.truncation_side not in ("left", "right"):
            raise ValueError(f"truncation_side must be 'left' or 'right'; got {self.truncation_side!r}")
        if not isinstance(self.strip, bool):
            raise ValueError(f"strip must be True or False; got {self.strip!r}")

    def prepare(self, text: str) -> str:
        """Return the text stripped and cut.

        Examples
        --------
        >>> Prompt(max_chars=4, truncation_side="left").prepare("a lovely film ")
        'film'
        """
        text = text.strip() if self.strip else text
        if self.max_chars is None:
            return text
        return text[: self.max_chars] if self.truncation_side == "right" else text[-self.max_chars :]

    def question(self, text: str) -> str:
        """Return the filled template up to the label, without the blanks before the label.

        The answer begins with these blanks, as tokenizers want it: "Label:" and " positive", not "Label: " and
        "positive".
        """
        before, between, _ = self._parts()
        return before + self.prepare(text) + between.rstrip(" ")

    def answer(self, label: Any) -> str:
        """Return the rest of the filled template: blanks, the label's word, and what follows it."""
        _, between, after = self._parts()
        blanks = between[len(between.rstrip(" ")) :]
        return blanks + (str(label) if self.verbalizer is None else self.verbalizer[label]) + after

    def check_labels(self, labels: Sequence[Any]) -> None:
        """Raise if the verbalizer lacks a word for one of the labels.

        Raises
        ------
        ValueError
            With the labels it lacks.
        """
        if self.verbalizer is None:
            return
        missing = [label for label in dict.fromkeys(labels) if label not in self.verbalizer]
        if missing:
            raise ValueError(
                f"verbalizer must have a word for each class; it lacks {missing}, so add them, "
                "or pass verbalizer=None to write labels as they are"
            )

    def _parts(self) -> tuple[str, str, str]:
        before, behind = self.template.split("{text}")
        between, after = behind.split("{label}")
        return before, between, after


def as_prompt(prompt: Any) -> Prompt:
    """Turn a `prompt` parameter into a Prompt.

    Parameters
    ----------
    prompt : None, str, mapping or Prompt
        None stands for ``Prompt()``, a string is a template, a mapping holds fields of a Prompt.

    Examples
    --------
    >>> as_prompt({"max_chars": 100}) == Prompt(max_chars=100)
    True
    """
    if isinstance(prompt, Prompt):
        return prompt
    if prompt is None:
        return Prompt()
    if isinstance(prompt, str):
        return Prompt(prompt)
    if not isinstance(prompt, Mapping):
        raise ValueError(
            "prompt must be None, a template, a dict of the fields of sktart.Prompt, or a Prompt; "
            f"got {type(prompt).__name__} {prompt!r}"
        )
    known = [field.name for field in fields(Prompt)]
    unknown = [name for name in prompt if name not in known]
    if unknown:
        raise ValueError(f"prompt must be a dict with keys out of {known}; got {unknown}, so rename them")
    return Prompt(**prompt)


def _is_template(template: str) -> bool:
    places = template.count("{text}"), template.count("{label}")
    return places == (1, 1) and template.index("{text}") < template.index("{label}")


def _check_verbalizer(verbalizer: Any) -> None:
    if not isinstance(verbalizer, Mapping) or not all(isinstance(word, str) for word in verbalizer.values()):
        raise ValueError(
            "verbalizer must map each class label to a string, such as {0: 'negative', 1: 'positive'}; "
            f"got {verbalizer!r}"
        )
    words = list(verbalizer.values())
    if len(set(words)) < len(words):
        raise ValueError(f"verbalizer must have a word of its own for each class; got {dict(verbalizer)!r}")
