"""No text at all: TartReasoner on scikit-learn's own tables, inside scikit-learn's own tools.

python examples/numbers_only.py
"""

from __future__ import annotations

import argparse

import numpy as np
import sklearn.datasets
from baselines import TunedLogisticRegression
from sklearn.base import BaseEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sktart import TartReasoner, TartTransformer

TABLES = ("iris", "wine", "breast_cancer", "digits")
MODELS = {
    "TartReasoner": TartReasoner,
    "LogisticRegressionCV": TunedLogisticRegression,
}
GRID = {
    "scale": [StandardScaler(), "passthrough"],
    "project__n_components": [None, 8],
    "project__whiten": [False, True],
    "reason__temperature": [0.7, 1.0, 1.4],
}


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Load one of scikit-learn's tables."""
    return getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)


def score(model: BaseEstimator, name: str, args: argparse.Namespace) -> tuple[float, float]:
    """Return accuracy and log-loss, mean over random splits into labelled rows and up to 500 others."""
    X, y = load(name)
    splits = StratifiedShuffleSplit(
        args.splits, train_size=args.labels, test_size=min(500, len(y) - args.labels), random_state=0
    )
    means = [cross_val_score(model, X, y, cv=splits, scoring=s).mean() for s in ("accuracy", "neg_log_loss")]
    return means[0], -means[1]


def search(name: str, args: argparse.Namespace) -> None:
    """Choose scaling, projection and temperature by cross-validation, and print the gain on other rows."""
    X, y = load(name)
    X, X_new, y, y_new = train_test_split(X, y, train_size=args.labels, stratify=y, random_state=0)
    pipeline = Pipeline([("scale", None), ("project", TartTransformer()), ("reason", TartReasoner())])
    found = GridSearchCV(pipeline, GRID, scoring="neg_log_loss", cv=3).fit(X, y)
    plain = make_pipeline(StandardScaler(), TunedLogisticRegression()).fit(X, y)

    print(f"\nGridSearchCV on {args.labels} rows of {name}, {len(found.cv_results_['params'])} candidates:")
    for key, value in found.best_params_.items():
        print(f"  {key} = {value}")
    for title, model in {"best pipeline": found, "LogisticRegressionCV": plain}.items():
        print(f"  {title + ' on new rows':<34} log-loss {log_loss(y_new, model.predict_proba(X_new)):.3f}")


def main(argv: list[str] | None = None) -> None:
    """Print a table of scores, and the outcome of a search."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--labels", type=int, default=64, help="labelled rows in total")
    parser.add_argument("--splits", type=int, default=5, help="random splits a table")
    parser.add_argument("--search", choices=TABLES, default="wine", help="table of the grid search")
    args = parser.parse_args(argv)

    print(f"{args.labels} labelled rows, standardised; mean over {args.splits} splits\n")
    print(f"{'table':<16}{'classifier':<24}{'accuracy':>9}{'log-loss':>10}")
    for name in args.tables:
        for title, make in MODELS.items():
            accuracy, loss = score(make_pipeline(StandardScaler(), make()), name, args)
            print(f"{name:<16}{title:<24}{accuracy:>9.3f}{loss:>10.3f}")
    search(args.search, args)


if __name__ == "__main__":
    main()
