import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.base import clone

from sktart import Prompt, TartTransformer
from sktart.encoders import as_prompt

WORDS = st.text(max_size=12)


def test_default_is_the_template_of_the_paper():
    prompt = Prompt()
    assert prompt.question("  a dull film\n") + prompt.answer("bad") == "Sentence: a dull film\nLabel: bad\n"


@pytest.mark.parametrize(
    "verbalizer, label, word",
    [
        *((None, label, str(label)) for label in ("good", 3, True, 0.5)),
        *(({0: "negative", 1: "positive"}, label, "negative") for label in (0, False, 0.0)),
    ],
)
def test_labels_are_written_as_their_word_or_as_they_are(verbalizer, label, word):
    assert Prompt(verbalizer=verbalizer).answer(label) == f" {word}\n"


@given(before=WORDS, between=WORDS, after=WORDS, text=WORDS, label=WORDS, strip=st.booleans())
def test_question_and_answer_are_the_filled_template(before, between, after, text, label, strip):
    template = f"{before}{{text}}{between}{{label}}{after}"
    # Words may form a place of their own with the braces around them.
    assume(template.count("{text}") == template.count("{label}") == 1)
    prompt = Prompt(template, strip=strip)
    question, answer = prompt.question(text), prompt.answer(label)
    assert question + answer == before + (text.strip() if strip else text) + between + label + after
    # Blanks before the label are the answer's, but those of the text are the text's.
    assert answer == " " * (len(between) - len(between.rstrip(" "))) + label + after


def test_texts_and_labels_may_look_like_places():
    prompt = Prompt("{text} is {label}")
    assert (prompt.question("{label} {text}"), prompt.answer("{text}")) == ("{label} {text} is", " {text}")


@given(text=st.text(), limit=st.integers(1, 20), side=st.sampled_from(["left", "right"]), strip=st.booleans())
def test_texts_are_stripped_then_cut(text, limit, side, strip):
    kept = Prompt(max_chars=limit, truncation_side=side, strip=strip).prepare(text)
    whole = text.strip() if strip else text
    assert len(kept) == min(limit, len(whole))
    assert whole.startswith(kept) if side == "right" else whole.endswith(kept)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"template": "{text}"}, r"template must hold \{text\} once and, behind it, \{label\} once, .*"),
        ({"template": "{label}: {text}"}, r"got '\{label\}: \{text\}'"),
        ({"template": "{text} {text} {label}"}, "template must hold"),
        ({"template": "{text} {label} {label}"}, "template must hold"),
        ({"template": 3}, "got 3"),
        ({"max_chars": 0}, "max_chars must be None or an integer of at least 1; got 0"),
        ({"max_chars": True}, "got True"),
        ({"max_chars": 2.5}, "got 2.5"),
        ({"truncation_side": "top"}, "truncation_side must be 'left' or 'right'; got 'top'"),
        ({"strip": 1}, "strip must be True or False; got 1"),
        ({"verbalizer": ["no", "yes"]}, r"must map each class label to a string, .*; got \['no', 'yes'\]"),
        ({"verbalizer": {0: 1}}, r"must map each class label to a string, .*; got \{0: 1\}"),
        ({"verbalizer": {0: "no", 1: "no"}}, "must have a word of its own for each class; got"),
    ],
)
def test_bad_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Prompt(**fields)


def test_labels_without_a_word_are_listed():
    prompt = Prompt(verbalizer={"a": "good", "b": "bad", "unseen": "other"})
    prompt.check_labels(["a", "b", "a"])
    Prompt().check_labels(["anything"])
    with pytest.raises(ValueError, match=r"a word for each class; it lacks \['c', 3\], so add them"):
        prompt.check_labels(["a", "c", 3, "c"])


def test_what_a_prompt_may_be_given_as():
    prompt = Prompt("{text} is {label}", max_chars=5)
    assert as_prompt(None) == Prompt()
    assert as_prompt("{text} is {label}") == Prompt("{text} is {label}")
    assert as_prompt({"template": "{text} is {label}", "max_chars": 5}) == prompt
    assert as_prompt(prompt) is prompt


@pytest.mark.parametrize(
    "prompt, message",
    [
        (3, "prompt must be None, a template, a dict of the fields of sktart.Prompt, or a Prompt; got int 3"),
        ({"templat": "{text} {label}"}, r"keys out of \['template', .*\]; got \['templat'\], so rename them"),
        ("no places", "template must hold"),
    ],
)
def test_other_prompts_are_refused(prompt, message):
    with pytest.raises(ValueError, match=message):
        as_prompt(prompt)


def test_a_prompt_is_a_parameter_like_any_other():
    prompt = Prompt(verbalizer={0: "no", 1: "yes"})
    assert pickle.loads(pickle.dumps(prompt)) == prompt
    assert clone(TartTransformer(prompt=prompt)).prompt == prompt
