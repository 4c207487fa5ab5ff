"""The scripts that compare encoders."""

import numpy as np
import pandas as pd
from test_benchmark_data import made_clips, write_clips, write_images, write_texts

from benchmarks.studies import encoder_settings, which_encoder
from benchmarks.timings import encoders


def test_which_encoder_by_hand(tmp_path, capsys):
    about = {"modality": "text", "dataset": "sst2", "labels": 16}
    table = [
        about | {"encoder": encoder, "seed": seed, "method": method, "accuracy": accuracy, "log_loss": loss}
        for encoder, gain in (("e5", 0.1), ("minilm", 0.0))
        for seed in range(2)
        for method, accuracy, loss in (
            ("sktart", 0.6 + gain, 0.5),
            ("LogisticRegressionCV", 0.65, 0.4),
            ("LogisticRegression(C=1)", 0.6, 0.9),
        )
    ]
    rows = pd.DataFrame(table)
    assert which_encoder.accuracies(rows, [16]).to_numpy().tolist() == [[0.7, 0.6]]
    gains = which_encoder.against_logistic_regression(rows)
    np.testing.assert_allclose(gains["over CV"], [5, -5])
    np.testing.assert_allclose(gains["log-loss ratio"], 1.25)
    assert gains["accuracy lost"].tolist() == [0, 100]
    rows.to_csv(tmp_path / "rows.csv")
    which_encoder.main([str(tmp_path / "rows.csv")])
    assert "minilm" in capsys.readouterr().out


def test_times_of_encoders(tmp_path, capsys, monkeypatch):
    write_texts(
        tmp_path / "customer_reviews.csv.gz", ["a good phone", "it broke", "fine"], [1, 0, 1], [False] * 3
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    write_images(tmp_path / "cifar10.npz", images, np.array([0, 1, 0]), np.array([False, False, True]))
    write_clips(
        tmp_path / "fsdd_digits.npz", made_clips(4000, 3000, 2000), [0, 1, 0], [False] * 3, speaker=[0, 1, 2]
    )
    monkeypatch.setattr(encoders, "first_answer", lambda name: 1.0)
    encoders.main(["--data", str(tmp_path), "--rows", "3", "--repeats", "1"])
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    for name in encoders.BARE:
        assert float(lines[name][3]) > 0.9999
    assert float(lines["bfloat16"][2]) > 0.97
    assert 0.5 < float(lines["int8"][2]) < 0.97
    assert "resemblyzer" in lines


def test_settings_of_encoders_are_put_back(tmp_path):
    from sktart.encoders.packaged import _speech

    before, digits = _speech._SILENCE, np.arange(60) % 2
    clips = made_clips(*[900 + 200 * digit for digit in digits])
    speaker = np.repeat([0, 1, 2, 3, 4, 5], 10)
    write_clips(tmp_path / "fsdd_digits.npz", clips, digits, np.zeros(60, dtype=bool), speaker=speaker)
    lines = list(encoder_settings.compare(tmp_path, "fsdd_a", "speech-embedding", rows=30, seeds=2))
    assert [line[1] for line in lines[::2]] == [f"_SILENCE = {samples}" for samples in (0, 2560, 5120, 10240)]
    assert all(0 <= float(line[3]) <= 1 for line in lines)
    assert _speech._SILENCE == before
