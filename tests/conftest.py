"""Tests reach no network, and build their own tiny encoder."""

import functools
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# A deadline tells a hang, and is far beyond what a busy machine needs.
COMMON = {"deadline": timedelta(seconds=60), "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", derandomize=True, **COMMON)
settings.register_profile("fuzz", max_examples=2000, print_blob=True, **COMMON)
settings.load_profile("quick")  # `make fuzz` asks for the other

WORDS = ["good", "bad", "film", "plot", "the", "a", "very", "was", "not", "fine"]


def build_sentence_transformer(folder, seed=0):
    """Write a tiny random BERT with mean pooling to `folder`, as sentence-transformers does."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    bert = folder / "bert"
    bert.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (bert / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(bert)
    BertTokenizerFast(str(bert / "vocab.txt")).save_pretrained(bert)
    transformer = Transformer(str(bert), max_seq_length=16)
    pooling = Pooling(transformer.get_embedding_dimension())
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(folder / "model"))
    return folder / "model"


def transform_elsewhere(pickled, folder, texts):
    """Unpickle a transformer in a new process, look at it without loading torch, and return its features of texts."""
    (folder / "transformer.pkl").write_bytes(pickled)
    code = (
        "import pickle, sys, numpy as np; from pathlib import Path; folder = Path(sys.argv[1]);"
        "transformer = pickle.loads((folder / 'transformer.pkl').read_bytes());"
        "dir(transformer); repr(transformer); transformer._repr_html_();"
        "assert 'torch' not in sys.modules;"
        "np.save(folder / 'features.npy', transformer.transform(sys.argv[2:]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(folder), *texts], cwd=Path(__file__).parents[1], check=True
    )
    return np.load(folder / "features.npy")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """Return the folder of a tiny sentence-transformers model. Do not write to it."""
    return build_sentence_transformer(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Return a function from a kind of `tiny_models` to the folder of such a model. Do not write to it."""
    from tiny_models import build

    return functools.cache(lambda kind: build(tmp_path_factory.mktemp(kind), kind))


@pytest.fixture
def texts():
    return ["good film", "bad film", "a very good plot", "the plot was bad", "good film"]


@pytest.fixture
def no_networks():
    """Forget the networks that other tests loaded, and those of this test after it."""
    from sktart.zoo._networks import NETWORKS

    NETWORKS.clear()
    yield
    NETWORKS.clear()
