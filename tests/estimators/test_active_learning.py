"""TartReasoner inside scikit-activeml."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sktart import TartReasoner

skactiveml = pytest.importorskip("skactiveml")


def test_query_strategies_ask_it_and_it_learns():
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import UncertaintySampling

    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    known = np.full(len(y), np.nan)
    known[:20] = y[:20]
    model = SklearnClassifier(TartReasoner(), classes=range(10), random_state=0).fit(X, known)
    before = model.score(X, y)
    strategy = UncertaintySampling(method="margin_sampling", random_state=0)
    for _ in range(3):
        rows = strategy.query(X=X, y=known, clf=model, batch_size=10)
        assert np.isnan(known[rows]).all()
        known[rows] = y[rows]
        model.fit(X, known)
    assert model.score(X, y) > max(before, 0.9)
    assert len(model.estimator_.labelled_rows_) == 50
