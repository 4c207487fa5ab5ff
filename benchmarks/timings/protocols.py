"""Time the protocols "vanilla" and "loo" with keys and values used again, against whole prompts one at a time.

Processor time beside wall time: on a machine that does other work as well, only the former can be compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

from benchmarks.printing import machine, markdown
from sktart import Prompt, TartTransformer

N_TOKENS = 1000
WORDS = [f"w{i}" for i in range(N_TOKENS - 7)]


def build_model(layers: int, width: int, seed: int) -> tuple[GPT2Model, PreTrainedTokenizerFast]:
    """Return a random GPT-2 with a window of 4096 tokens, and a tokenizer of one token a word."""
    known = ["[PAD]", "[UNK]", "Sentence", "Label", ":", "no", "yes", *WORDS]
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")
    config = GPT2Config(
        vocab_size=N_TOKENS, n_positions=4096, n_embd=width, n_layer=layers, n_head=width // 64,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT2Model(config).eval(), tokenizer


def draw_texts(n_texts: int, rng: np.random.Generator) -> list[str]:
    """Draw texts of 10 to 30 words."""
    return [" ".join(rng.choice(WORDS, size=rng.integers(10, 31))) for _ in range(n_texts)]


def whole_prompts(model: GPT2Model, tokenizer: Any, prompts: list[tuple[str, str]]) -> np.ndarray:
    """Run each pair of context and question as one prompt on its own; the mean over the question's states."""
    vectors = []
    for context, question in prompts:
        n_context = len(tokenizer(context)["input_ids"])
        ids = torch.tensor([tokenizer(context + question)["input_ids"]])
        with torch.inference_mode():
            vectors.append(model(ids, use_cache=False).last_hidden_state[0, n_context:].mean(0).numpy())
    return np.stack(vectors)


def seconds(run: Callable[[], np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Return wall time, processor time of all threads, and the result."""
    start, busy = perf_counter(), process_time()
    result = run()
    return perf_counter() - start, process_time() - busy, result


def measure(
    protocol: str, n_context: int, n_queries: int, layers: int, width: int, seed: int
) -> list[list[Any]]:
    """Return a row of the table for the context, and one for the queries."""
    model, tokenizer = build_model(layers, width, seed)
    rng = np.random.default_rng(seed)
    texts, queries = draw_texts(n_context, rng), draw_texts(n_queries, rng)
    labels = rng.choice(["no", "yes"], size=n_context).tolist()
    prompt = Prompt()
    examples = [
        prompt.question(text) + prompt.answer(label) for text, label in zip(texts, labels, strict=True)
    ]
    others = [examples[:i] + (examples[i + 1 :] if protocol == "loo" else []) for i in range(n_context)]
    whole = {
        "context": [("".join(rest), prompt.question(text)) for rest, text in zip(others, texts, strict=True)],
        "queries": [("".join(examples), prompt.question(text)) for text in queries],
    }
    transformer = TartTransformer((model, tokenizer), protocol=protocol)
    transformer.fit(texts[:2], labels[:2])  # what is only slow the first time
    reused = {
        "context": lambda: transformer.fit_transform(texts, labels),
        "queries": lambda: transformer.transform(queries),
    }
    rows = []
    for name, prompts in whole.items():
        wall, busy, vectors = seconds(reused[name])
        whole_wall, whole_busy, expected = seconds(
            lambda prompts=prompts: whole_prompts(model, tokenizer, prompts)
        )
        off = np.abs(vectors - expected).max()
        times = [whole_wall, whole_busy, wall, busy, whole_wall / wall, whole_busy / busy]
        rows.append([protocol, name, str(len(prompts)), *times, f"{off:.1e}"])
    return rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocols", nargs="+", default=["vanilla", "loo"], choices=["vanilla", "loo"])
    parser.add_argument("--context", type=int, default=32, help="labelled texts")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    print(
        f"{machine()}; {torch.get_num_threads()} threads; GPT-2 of {args.layers} layers and width {args.width} "
        f"with random weights; texts of 10 to 30 tokens; seed {args.seed}\n"
    )
    whole, ours = "whole prompts: {}, s", "used again: {}, s"
    kinds = ["wall", "processor"]
    header = ["protocol", "rows", "number", *map(whole.format, kinds), *map(ours.format, kinds)]
    header += [f"ratio: {kind}" for kind in kinds] + ["largest difference"]
    shape = args.context, args.queries, args.layers, args.width, args.seed
    print(markdown(header, [row for protocol in args.protocols for row in measure(protocol, *shape)]))


if __name__ == "__main__":
    main()
