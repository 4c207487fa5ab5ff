"""scikit-learn's own conformance suite, for each estimator."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sktart import TartReasoner, TartTransformer

ESTIMATORS = [
    TartReasoner(dtype="float64"),
    TartReasoner(),
    TartTransformer(),
    TartTransformer(n_components=2),
    TartTransformer(n_components=2, whiten=True),
]
# Estimator -> check -> why it may fail. Empty: float32 passes too, as equal rows are merged and sorted in fit.
EXPECTED_FAILURES: dict[str, dict[str, str]] = {}


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda e: EXPECTED_FAILURES.get(repr(e), {}), xfail_strict=True
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
