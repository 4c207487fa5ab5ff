"""Seconds for 500 queries of a decoder reasoner: context once and queries together, against a whole sequence each.

    python -m benchmarks.timings.decoder

The whole sequence x1, y1, ..., xN, yN, x* is run through the GPT-2 of transformers, as the reference code does for each
query; that takes minutes, so it is timed on `--direct` of the queries and multiplied. Random weights: speed does not
depend on them.
"""

import argparse
import platform
import time

import numpy as np
import torch
from transformers import GPT2Config, GPT2Model

from sktart.contexts._net import ContextNet
from sktart.reasoners._config import DecoderConfig
from sktart.reasoners._decoder import DecoderReasoner


def direct_seconds(config, n_rows, n_queries, generator):
    """Seconds a query of GPT-2 over the whole sequence, the median of `n_queries` runs."""
    backbone = GPT2Model(
        GPT2Config(
            vocab_size=1,
            bos_token_id=None,
            eos_token_id=None,
            n_positions=2 * config.n_pairs,
            n_embd=config.width,
            n_layer=config.n_layers,
            n_head=config.n_heads,
            use_cache=False,
        )
    ).eval()
    times = []
    with torch.inference_mode():
        for _ in range(n_queries + 1):
            tokens = torch.randn(1, 2 * n_rows + 2, config.width, generator=generator)
            began = time.perf_counter()
            backbone(inputs_embeds=tokens)
            times.append(time.perf_counter() - began)
    return float(np.median(times[1:]))


def together_seconds(config, n_rows, n_queries, n_classes, generator):
    """Seconds to read the context, and to answer all queries."""
    reasoner = DecoderReasoner(config).eval().requires_grad_(False)
    x = torch.randn(1, n_rows, config.n_features, generator=generator)
    y = torch.arange(n_rows)[None] % n_classes
    queries = torch.randn(n_queries, config.n_features, generator=generator).numpy()
    times = []
    for _ in range(4):
        began = time.perf_counter()
        with torch.inference_mode():
            context = reasoner.read_context(x, y, n_classes)
        net = ContextNet(
            reasoner,
            [context],
            batch_size=256,
            device=torch.device("cpu"),
            temperature=1.0,
            log_prior_shift=np.zeros(n_classes),
        )
        read = time.perf_counter()
        net.log_proba(queries)
        times.append((read - began, time.perf_counter() - read))
    return np.median(times[1:], axis=0)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 6])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--direct", type=int, default=20, help="queries to time with whole sequences")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = torch.Generator().manual_seed(arguments.seed)
    config = DecoderConfig()
    print(f"{platform.machine()}, {arguments.threads} threads, torch {torch.__version__}, {config}\n")
    print(
        f"| rows | classes | context, s | {arguments.queries} queries, s | whole sequences, s | times faster |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for n_rows in arguments.rows:
        each = direct_seconds(config, n_rows, arguments.direct, generator)
        for n_classes in arguments.classes:
            read, answer = together_seconds(config, n_rows, arguments.queries, n_classes, generator)
            # One against the rest: a sequence for each class, as soon as there are more than two.
            whole = each * arguments.queries * (1 if n_classes == 2 else n_classes)
            faster = whole / (read + answer)
            print(
                f"| {n_rows} | {n_classes} | {read:.3f} | {answer:.3f} | {whole:.1f} | {faster:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
