"""sktart against scikit-learn's classifiers on few labelled rows of real data."""
