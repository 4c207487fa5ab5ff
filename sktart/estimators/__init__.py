"""The estimators of scikit-learn: what users construct, and the checks of what they are given."""
