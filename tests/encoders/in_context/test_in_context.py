"""The protocols "vanilla" and "loo" against whole prompts, one text at a time, and what they refuse."""

import functools
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as tf
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from tiny_models import build_causal_lm, build_tokenizer, causal_config
from tokenizers.processors import TemplateProcessing

from sktart import Prompt
from sktart.encoders import as_prompt
from sktart.encoders.in_context import _encoder as _protocols
from sktart.encoders.in_context import _prefix
from sktart.encoders.in_context._prefix import Prefix
from sktart.encoders.in_context._prompt_tokens import PromptTokens, tokenize_questions
from sktart.encoders.models import _pretrained
from sktart.estimators._transformer import TartTransformer
from sktart.exceptions import EncoderError

KINDS = ["gpt2", "gpt_neo", "gpt_neox", "bloom", "opt", "llama"]
PROTOCOLS = ["vanilla", "loo"]
PROMPT = Prompt(verbalizer={0: "negative", 1: "positive"})
# Texts of mixed length; two are the same, and with other labels.
CONTEXT = [
    "good film",
    "",
    "the plot was very good and the cast was fine",
    "good film",
    "not a good film at all",
]
LABELS = [1, 0, 1, 0, 0]
QUERIES = ["bad", "a very bad plot, not a good film", "good film", "bad", "é 漢, was it fine?"]


def build_gemma(folder, window):
    """Write a model to `folder` of which some layers see no more than a window."""
    config = tf.Gemma3TextConfig(
        vocab_size=300, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=64, head_dim=8, sliding_window=window,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tf.AutoModel.from_config(config).save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder


def build_llama_with_start(folder):
    """Write a model to `folder` whose tokenizer puts a special token in front."""
    build_causal_lm(folder, "llama", positions=192)
    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    tokenizer.save_pretrained(folder)
    return folder


BUILDERS = {
    **{kind: functools.partial(build_causal_lm, kind=kind, positions=192) for kind in KINDS},
    "gemma of window 5": functools.partial(build_gemma, window=5),  # shorter than a question
    "gemma of window 100": functools.partial(build_gemma, window=100),  # shorter than context and query
    "llama with start": build_llama_with_start,
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Return a function from a kind of causal model to the folder of one with a window of 192 tokens."""
    return functools.cache(lambda kind: BUILDERS[kind](tmp_path_factory.mktemp("model")))


@functools.lru_cache(maxsize=2)
def direct(folder):
    model = tf.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    return model, tf.AutoTokenizer.from_pretrained(folder)


def whole_prompt(folder, pieces, pooling="mean", layer=-1):
    """Run all pieces of a prompt at once, without keys and values, and pool the states of the last piece."""
    model, tokenizer = direct(folder)
    start = tokenizer("x")["input_ids"][: -len(tokenizer("x", add_special_tokens=False)["input_ids"])]
    *before, last = (tokenizer(piece, add_special_tokens=False)["input_ids"] for piece in pieces)
    ids = sum(before, start) + last
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([ids]), use_cache=False, output_hidden_states=True)
    states = (output.last_hidden_state if layer == -1 else output.hidden_states[layer])[0, -len(last) :]
    return (states.mean(0) if pooling == "mean" else states[-1]).numpy()


def expected(folder, protocol, context=CONTEXT, labels=LABELS, queries=QUERIES, prompt=PROMPT, **how):
    """Return the embeddings of context and queries, one whole prompt each."""
    examples = [
        (prompt.question(text), prompt.answer(label)) for text, label in zip(context, labels, strict=True)
    ]

    def embed(shown, question):
        return whole_prompt(folder, [piece for example in shown for piece in example] + [question], **how)

    shown = [examples[:i] + (examples[i + 1 :] if protocol == "loo" else []) for i in range(len(examples))]
    return (
        np.stack([embed(others, question) for others, (question, _) in zip(shown, examples, strict=True)]),
        np.stack([embed(examples, prompt.question(text)) for text in queries]),
    )


def transformer(folder, protocol="loo", prompt=PROMPT, **options):
    return TartTransformer(folder, protocol=protocol, prompt=prompt, device="cpu", **options)


def assert_encodes(model, expected, context=CONTEXT, labels=LABELS, queries=QUERIES, atol=1e-5):
    """Fit a transformer, and compare its encodings of context and queries with those expected."""
    of_context, of_queries = expected
    assert_allclose(model.fit_transform(context, labels), of_context, rtol=0, atol=atol)
    assert_allclose(model.transform(queries), of_queries, rtol=0, atol=atol)


def count_tokens(monkeypatch):
    """Return a list that gets the length of the prefix of each pass, and the numbers of tokens behind it."""
    passes, run = [], _prefix._run

    def counted(model, tokens, mask, *rest):
        prefix = mask.shape[1] - tokens.shape[1]
        passes.append((prefix, (mask.sum(1) - prefix).tolist()))
        return run(model, tokens, mask, *rest)

    monkeypatch.setattr(_prefix, "_run", counted)
    return passes


# Equal to whole prompts


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "kind, pooling, layer",
    [
        *((kind, "mean", -1) for kind in BUILDERS),
        *(("gpt_neo", *how) for how in [("last", -1), ("mean", 0), ("last", 2), ("mean", -2)]),
    ],
)
def test_equal_to_whole_prompts(wide, kind, protocol, pooling, layer):
    context, queries = expected(wide(kind), protocol, pooling=pooling, layer=layer)
    model = transformer(wide(kind), protocol, pooling=pooling, layer=layer)
    assert_encodes(model, (context, queries))
    # The first pass left the keys and values as they were.
    assert_allclose(model.transform(QUERIES), queries, rtol=0, atol=1e-5)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["gpt2", "llama with start"])
@pytest.mark.parametrize(
    "n_context, prompt",
    [
        (1, None),  # nothing but special tokens stands before it
        (2, "{text}=>{label};"),
        (2, {"template": "Review: {text}\nMood:   {label}", "max_chars": 6, "truncation_side": "left"}),
        (2, Prompt("{text}{label}", strip=False)),
    ],
)
def test_other_prompts(wide, protocol, kind, n_context, prompt):
    shown = [" good film ", "x y"][:n_context], ["a", "b"][:n_context]
    whole = expected(wide(kind), protocol, *shown, prompt=as_prompt(prompt))
    assert_encodes(transformer(wide(kind), protocol, prompt), whole, *shown)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_own_label_takes_no_part_but_those_of_others_do(wide, protocol):
    first = transformer(wide("gpt_neo"), protocol).fit_transform(CONTEXT, LABELS)
    other = transformer(wide("gpt_neo"), protocol).fit_transform(CONTEXT, [*LABELS[:2], 0, *LABELS[3:]])
    differs = np.abs(first - other).max(axis=1) > 1e-3
    assert list(differs) == ([False] * 3 if protocol == "vanilla" else [True, True, False]) + [True, True]


# Batches


@pytest.mark.parametrize("kind", KINDS)
def test_batches_and_other_rows_change_nothing(wide, kind, monkeypatch):
    model = transformer(wide(kind), batch_size=1)
    context, queries = model.fit_transform(CONTEXT, LABELS), model.transform(QUERIES)
    order = [3, 1, 4, 0, 2]
    for batch_size in (2, 32):
        model.set_params(batch_size=batch_size)
        assert_encodes(model, (context, queries[order]), queries=[QUERIES[row] for row in order])
    # All rows of "loo" in one pass, and few tokens a pass.
    for limit, value in (("_MAX_REPEATED", 1.0), ("_MAX_TOKENS", 1)):
        monkeypatch.setattr(_protocols, limit, value)
        assert_encodes(model, (context, queries))


def test_shared_prefixes_run_once(wide, monkeypatch):
    passes = count_tokens(monkeypatch)
    model = transformer(wide("gpt2")).fit(CONTEXT, LABELS)
    tokens = model.encoder_._state[0]
    n_whole, begins = len(tokens.ids), tokens.begins
    assert passes[:2] == [(0, [n_whole]), (begins[-2], [n_whole - begins[-2]])]  # the second one is a check
    # Row i of "loo" runs from its place on: without its own answer, its question last.
    ran = sorted(length for _, lengths in passes[2:] for length in lengths)
    answers = map(len, tokens.answers)
    assert ran == sorted(n_whole - begin - answer for begin, answer in zip(begins, answers, strict=False))
    passes.clear()
    for _ in range(2):
        model.transform(QUERIES)
    questions = tokenize_questions(direct(wide("gpt2"))[1], [PROMPT.question(text) for text in set(QUERIES)])
    one_pass = n_whole, sorted(map(len, questions))
    assert [(prefix, sorted(lengths)) for prefix, lengths in passes] == [one_pass, one_pass]


def test_runs_share_a_beginning_while_little_is_repeated():
    long = PromptTokens([], [[1]] * 64, [[2]] * 64)
    runs = list(_protocols._runs(long, batch_size=5))
    assert [row for run in runs for row in run] == list(range(64))
    assert runs[0] == [0, 1, 2, 3, 4]
    assert runs[-1] == [63]
    assert list(_protocols._runs(long, batch_size=1)) == [[row] for row in range(64)]


# Windows


def test_a_context_that_does_not_fit_is_refused_before_any_work(wide, monkeypatch):
    texts = ["a very bad plot, not a good film"] * 8
    passes = count_tokens(monkeypatch)
    model = transformer(wide("opt"))
    message = (
        r"fit the window of 192 tokens; the 8 examples take 188 and the longest of their texts as a query 20 more, "
        r"so fit fewer rows, cut texts with prompt=\{'max_chars': ...\}, or pass protocol='stream'"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(texts, [0, 1] * 4)
    assert passes == []
    model.set_params(prompt={"max_chars": 6}).fit(texts, [0, 1] * 4)


def test_a_context_may_fill_the_window_to_the_last_token(wide):
    model = transformer(wide("gpt_neo"))
    whole = model.fit_transform(CONTEXT, LABELS), model.transform(QUERIES)
    tokens = model.encoder_._state[0]
    needed = len(tokens.ids) + max(map(len, tokens.questions))
    assert_encodes(model.set_params(max_length=needed), whole)
    with pytest.raises(ValueError, match=f"must fit the window of {needed - 1} tokens; the 5 examples take"):
        model.set_params(max_length=needed - 1).fit(CONTEXT, LABELS)


def test_a_query_that_does_not_fit_is_named(wide, monkeypatch):
    model = transformer(wide("gpt_neo"), max_length=150).fit(CONTEXT, LABELS)
    n_context = len(model.encoder_._state[0].ids)
    passes = count_tokens(monkeypatch)
    query = r"row 2 of those to encode, 'a bad plot a bad plot a bad pl', takes \d+ more, so fit fewer rows"
    with pytest.raises(ValueError, match=f"of 150 tokens; the 5 examples take {n_context} and {query}"):
        model.transform(["bad", "bad", "a bad plot " * 30])
    assert passes == []


# What is refused


@pytest.mark.parametrize(
    "y, message",
    [
        (None, r"show texts with their labels; got no y, so pass fit\(X, y\)"),
        ([0, 1], r"one label for each of the 5 rows of X; got shape \(2,\)"),
        (np.zeros((5, 2)), r"got shape \(5, 2\)"),
        ([0, None, 1, float("nan"), 1], r"a label for each row; rows \[1, 3\] have none"),
        ([0, 1, 2, 0, 7], r"verbalizer must have a word for each class; it lacks \[2, 7\]"),
    ],
)
def test_labels_that_are_refused(wide, y, message):
    with pytest.raises(ValueError, match=message):
        transformer(wide("gpt2")).fit(CONTEXT, y)


@pytest.mark.parametrize(
    "y",
    [
        *(np.array(LABELS, dtype=dtype) for dtype in (int, bool, float)),
        np.array(LABELS)[:, None],
        [np.int64(label) for label in LABELS],
    ],
)
def test_labels_of_any_type_find_their_word(wide, y):
    features = transformer(wide("gpt2"), "vanilla").fit_transform(CONTEXT, LABELS)
    assert_array_equal(transformer(wide("gpt2"), "vanilla").fit_transform(CONTEXT, y), features)


def test_labels_of_mixed_type_keep_theirs(wide):
    features = transformer(wide("gpt2"), prompt=None).fit_transform(["x", "y"], ["no", "yes"])
    mixed = transformer(wide("gpt2"), prompt=Prompt(verbalizer={0: "no", "a": "yes"}))
    assert_array_equal(mixed.fit_transform(["x", "y"], [0, "a"]), features)


@pytest.mark.parametrize(
    "kind, reason",
    [("bert", "is not causal"), ("t5", "is not causal"), ("vit", "reads image"), ("wav2vec2", "reads audio")],
)
def test_models_that_are_not_causal_or_read_no_text_are_refused(tiny, kind, reason):
    needed = "protocol 'loo' needs a causal text model, such as GPT-Neo or Pythia"
    with pytest.raises(EncoderError, match=f"{needed}; .* {reason}, so pass protocol='stream'"):
        transformer(tiny(kind)).fit(CONTEXT, LABELS)


@pytest.mark.parametrize("encoder", [None, len, "all-MiniLM-L6-v2"])
def test_other_encoders_are_refused(encoder):
    with pytest.raises(ValueError, match=r"protocol must be 'stream' for .*, as only causal text models"):
        transformer(encoder).fit(CONTEXT, LABELS)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"pooling": "cls"}, "must have pooling 'mean' or 'last', as the first token .* got 'cls'"),
        ({"sampling_rate": 16000}, "sampling_rate must stay None, as protocol=.loo. reads text; got 16000"),
        ({"layer": 4}, "layer must be from -4 to 3 for .*; got 4"),
        ({"prompt": "{text}"}, "template must hold"),
        ({"prompt": "{text} {label}"}, "at least one token; '' makes none, so drop it or put words"),
    ],
)
def test_options_that_are_refused(wide, options, message):
    with pytest.raises(ValueError, match=message):
        transformer(wide("gpt2")).set_params(**options).fit(CONTEXT, LABELS)


@pytest.mark.parametrize(
    "config",
    [
        tf.JambaConfig(
            vocab_size=300, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
            intermediate_size=16, attn_layer_period=2, attn_layer_offset=1, num_experts=2, use_mamba_kernels=False,
        ),
        tf.RwkvConfig(vocab_size=300, hidden_size=16, num_hidden_layers=2, attention_hidden_size=16),
    ],
    ids=["jamba", "rwkv"],
)  # fmt: skip
def test_models_with_other_states_than_keys_and_values_are_refused(config):
    with torch.random.fork_rng(devices=[]):
        model = tf.AutoModel.from_config(config).eval()
    with pytest.raises(EncoderError, match=r"keys and values of each token, and nothing else; \w+Model is"):
        Prefix.read(model, [1, 2, 3])


def test_a_model_that_does_not_go_on_from_its_keys_and_values_is_refused():
    class Forgetful(tf.GPT2Model):
        """Counts positions from the first token of each pass."""

        def forward(self, input_ids, **options):
            return super().forward(input_ids, position_ids=torch.arange(input_ids.shape[1])[None], **options)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Forgetful(causal_config("gpt2", positions=192))
        torch.nn.init.normal_(model.wpe.weight)
    with pytest.raises(EncoderError, match=r"as if it read the whole prompt; Forgetful is off by \d.* of \d"):
        transformer((model, build_tokenizer())).fit(CONTEXT, LABELS)


@pytest.mark.parametrize("dtype, atol", [("float64", 1e-5), ("bfloat16", 0.3)])
def test_precision(wide, dtype, atol):
    model = transformer(wide("gpt_neox"), dtype=dtype)
    assert_encodes(model, expected(wide("gpt_neox"), "loo"), atol=atol)
    assert model.transform(QUERIES).dtype == np.float32


# scikit-learn's ways


def test_pipelines_score_each_fold_with_its_own_context(wide):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["good", "bad", "film", "plot"], size=3)) for _ in range(12)]
    y = np.array(["no", "yes"] * 6)
    model = transformer(wide("gpt_neox"), prompt=None)
    folds = list(StratifiedKFold(3).split(texts, y))
    scores = cross_val_score(make_pipeline(model, LogisticRegression()), texts, y, cv=folds)
    for score, (context, queries) in zip(scores, folds, strict=True):
        here, there = ([texts[i] for i in rows] for rows in (context, queries))
        features, held_out = expected(wide("gpt_neox"), "loo", here, y[context], there, Prompt())
        direct = LogisticRegression().fit(features, y[context]).score(held_out, y[queries])
        assert score == pytest.approx(direct)


def test_a_search_over_protocols_and_prompts_loads_the_model_once(wide):
    pipeline = make_pipeline(transformer(wide("gpt2")), LogisticRegression())
    grid = {
        "tarttransformer__protocol": ["stream", "vanilla", "loo"],
        "tarttransformer__prompt": [Prompt(max_chars=9), "{text} {label}\n"],
    }
    _pretrained._load.cache_clear()
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(QUERIES * 2, [0, 1] * 5)
    assert len(search.cv_results_["params"]) == 6
    assert _pretrained._load.cache_info().misses == 1


@pytest.mark.parametrize("protocol, required", [("stream", False), ("loo", True)])
def test_only_a_prompt_of_labels_requires_y(protocol, required):
    assert get_tags(TartTransformer(protocol=protocol)).target_tags.required is required


def test_pickle_holds_the_context_and_no_keys_and_values(wide):
    model = transformer(wide("gpt_neo")).fit(CONTEXT, LABELS)
    queries = model.transform(QUERIES)
    pickled = pickle.dumps(model)
    assert len(pickled) < 3000
    again = pickle.loads(pickled)
    assert again.encoder_._state is None
    assert_array_equal(again.transform(QUERIES), queries)
    assert model.encoder_._state is not None
    assert repr(again.encoder_) == f"InContextEncoder({wide('gpt_neo')}, 'loo')"


def test_loaded_model(wide):
    pair = tf.AutoModel.from_pretrained(wide("llama")), tf.AutoTokenizer.from_pretrained(wide("llama"))
    named = transformer(wide("llama"))
    whole = named.fit_transform(CONTEXT, LABELS), named.transform(QUERIES)
    assert_encodes(transformer(pair), whole, atol=0)


def test_a_refit_forgets_the_former_context(wide):
    model = transformer(wide("gpt2"))
    first = model.fit(CONTEXT, LABELS).transform(QUERIES)
    other = model.fit(CONTEXT[::-1], LABELS[::-1]).transform(QUERIES)
    assert np.abs(first - other).max() > 0.01
    encoder = model.fit(CONTEXT, LABELS).encoder_
    encoder.fit(CONTEXT[::-1], LABELS[::-1])
    assert_array_equal(encoder.encode(QUERIES), other)


# What the user sees


@pytest.mark.parametrize("progress", [True, None, False])
@pytest.mark.parametrize("protocol", ["stream", "loo"])
def test_progress(wide, capfd, protocol, progress):
    model = transformer(wide("gpt2"), protocol, progress=progress)
    capfd.readouterr()
    model.fit(CONTEXT, LABELS).transform(QUERIES)
    out, err = capfd.readouterr()
    assert out == ""
    # One bar of the context, and one of the four distinct queries.
    assert err.count("100%") == (2 if progress else 0)
    assert ("4/4" in err) is bool(err) is bool(progress)


def test_the_benchmark_compares_equals(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    from benchmarks.timings import protocols as protocols_speed

    rows = [row for protocol in PROTOCOLS for row in protocols_speed.measure(protocol, 3, 4, 1, 64, 0)]
    assert [row[:3] for row in rows] == [
        [protocol, name, number]
        for protocol in PROTOCOLS
        for name, number in (("context", "3"), ("queries", "4"))
    ]
    assert max(float(row[-1]) for row in rows) < 1e-5


# Stream


def test_a_prompt_prepares_texts_of_stream(wide):
    texts = ["  good film ", "a very bad plot"]
    stream = TartTransformer(wide("gpt2"))
    for prompt, prepared in [
        (None, texts),
        (Prompt(), ["good film", "a very bad plot"]),
        ({"max_chars": 4, "truncation_side": "left"}, ["film", "plot"]),
    ]:
        features = stream.fit_transform(prepared)
        model = TartTransformer(wide("gpt2"), prompt=prompt)
        assert_array_equal(model.fit_transform(texts), features)
        assert_array_equal(model.transform(texts), features)


def test_a_prompt_without_texts_is_refused():
    with pytest.raises(ValueError, match=r"must stay None where no text is read; .* reads numbers here"):
        TartTransformer(prompt=Prompt()).fit(np.eye(3))
