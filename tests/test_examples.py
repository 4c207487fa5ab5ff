"""The examples run, and their texts are what they claim to be."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import docstrings
import images
import numbers_only
import tones
import which_library

ROOT = Path(__file__).parents[1]
NAMES = re.compile(r"numpy|scipy|sklearn|scikit.?learn|pandas|torch|\bnp\.|\bpd\.|>>>", re.IGNORECASE)


def test_collect_gives_five_balanced_classes():
    texts, labels = docstrings.collect(per_class=232)
    names, counts = np.unique(labels, return_counts=True)
    assert set(names) == set(docstrings.MODULES)
    assert (counts == 232).all()
    assert len(set(texts)) == len(texts)
    assert all(len(text) <= 400 for text in texts)


@pytest.mark.parametrize("library", docstrings.MODULES)
def test_docstrings_do_not_name_their_library(library):
    texts = docstrings.docstrings(library)
    assert len(texts) >= 232
    assert [text for text in texts if NAMES.search(text)] == []


def test_collect_depends_on_the_seed_only():
    first, again, other = (docstrings.collect(per_class=10, seed=seed)[0] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert set(first) != set(other)


def test_collect_says_how_many_there_are():
    with pytest.raises(ValueError, match="per_class must be at most"):
        docstrings.collect(per_class=100_000)


@pytest.mark.parametrize(
    "given, expected",
    [
        ("Like `numpy.sum`, but *slower*. >>> import numpy as np", "Like , but *slower*."),
        (".. versionadded:: 1.2\nA :class:`~torch.nn.Module` of PyTorch.", "A of ."),
        ("An np.ndarray or pd.DataFrame, see scikit-learn", "An or , see"),
        ("A snapshot, with gotchas.numpy_kwargs", "A snapshot, with"),
    ],
)
def test_clean(given, expected):
    assert docstrings.clean(given, 400) == expected


@pytest.mark.filterwarnings("ignore:.* texts are longer than:UserWarning")
def test_which_library_runs(tmp_path, capsys, model_folder):
    options = ["--out", str(tmp_path), "--encoder", str(model_folder)]
    which_library.main(["--sizes", "5", "8", "--seeds", "2", "--test", "5", *options])
    out, err = capsys.readouterr()
    assert (tmp_path / "which_library.png").stat().st_size > 10_000
    assert out.count("TartReasoner  ") == 2
    assert out.count("TartReasoner, told more  ") == 2
    assert "(it is " in out
    assert err == ""


def test_numbers_only_runs(capsys):
    numbers_only.main(["--tables", "iris", "--labels", "32", "--splits", "2", "--search", "wine"])
    out, err = capsys.readouterr()
    assert "24 candidates" in out
    assert "best pipeline on new rows" in out
    assert err == ""


def run_quickly(example, capsys, *options):
    capsys.readouterr()  # what transformers says when a tiny model is written
    example.main(["--sizes", "2", "4", "--seeds", "2", "--test", "5", *options])
    out, err = capsys.readouterr()
    assert out.count("TartReasoner  ") == 2
    assert err == ""
    return out


@pytest.mark.parametrize("kind", [None, "vit"])
def test_images_runs(capsys, tiny, kind, monkeypatch):
    digits, labels = images.load()
    monkeypatch.setattr(images, "load", lambda: (digits[:150], labels[:150]))
    out = run_quickly(images, capsys, *(() if kind is None else ("--model", str(tiny(kind)))))
    assert "one pipeline from images to digits, 40 labels" in out


@pytest.mark.parametrize("kind", [None, "whisper"])
def test_tones_runs(capsys, tiny, kind):
    out = run_quickly(tones, capsys, *(() if kind is None else ("--model", str(tiny(kind)))))
    assert f"they are {', '.join(sorted(tones.KINDS))}" in out


def test_tones_depend_on_the_seed_only():
    clips, kinds = tones.make_tones(3)
    assert (clips == tones.make_tones(3)[0]).all()
    assert not (clips == tones.make_tones(3, seed=1)[0]).all()
    assert clips.shape == (3 * len(tones.KINDS), tones.RATE)
    assert set(kinds) == set(tones.KINDS)


def test_every_example_of_the_gallery_has_a_place_in_it():
    gallery_style = runpy.run_path(str(ROOT / "docs/_site/gallery_style.py"))
    examples = {path.name for path in (ROOT / "examples/gallery").glob("plot_*.py")}
    assert examples == set(gallery_style["ORDER"])
