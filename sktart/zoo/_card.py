"""The model card: README.md of a checkpoint, with the metadata of the Hub on top."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sktart.zoo._info import CheckpointInfo


def spdx_licence(metrics: dict[str, Any]) -> str:
    """Return the licence of weights by their metrics: ours if we trained them, else unknown.

    Examples
    --------
    >>> spdx_licence({"training": {}}), spdx_licence({"imported": {}})
    ('BSD-3-Clause', 'unknown')
    """
    return "BSD-3-Clause" if "training" in metrics else "unknown"


def model_card(recipe: dict[str, Any], metrics: dict[str, Any]) -> str:
    """Compose README.md with the Hub's metadata on top."""
    bayes = metrics.get("bayes", [])
    lines = [
        *_metadata(spdx_licence(metrics), synthetic="training" in metrics, measured=bool(bayes)),
        f"# {recipe['name']}",
        "",
        "A reasoner for [sktart]: it reads labelled feature rows and classifies new ones in context, without training.",
        "",
        *(_training_lines(recipe, metrics["training"]) if "training" in metrics else _import_lines(metrics)),
        "",
    ]
    if bayes:
        prior = metrics.get("bayes_prior", {"n_features": [1, 16], "scale": [0.5, 10.0]})
        low, high = prior["n_features"]
        lines += [
            f"On logistic regression tasks with {low} to {high} features, weights of standard deviation "
            f"{prior['scale'][0]:g} to {prior['scale'][1]:g}:",
            "",
        ]
        lines.append("| rows | KL(Bayes, reasoner) | log-loss | of Bayes | of LogisticRegressionCV |")
        lines.append("| --- | --- | --- | --- | --- |")
        keys = ("kl", "log_loss", "bayes_log_loss", "lr_log_loss")
        lines += [
            "| " + " | ".join([str(row["rows"]), *(f"{row[key]:.4f}" for key in keys)]) + " |"
            for row in bayes
        ]
        lines.append("")
    if "few_shot" in metrics:
        lines += [*_few_shot_lines(metrics["few_shot"]), ""]
    return "\n".join(lines)


def zoo_card(rows: Iterable[CheckpointInfo]) -> str:
    """Compose README.md of a repository that holds several checkpoints."""
    rows = list(rows)
    licences = {row.licence for row in rows}
    licence = licences.pop() if len(licences) == 1 else "other"
    lines = [
        *_metadata(licence, synthetic=licence == "BSD-3-Clause", measured=any(row.metrics for row in rows)),
        "# Checkpoints of sktart",
        "",
        "Reasoners for [sktart]: they read labelled feature rows and classify new ones in context, without training.",
        "`TartReasoner(checkpoint=...)` takes a name, or the folder as `organisation/name/folder@commit`.",
        "",
        "| name | folder | family | features | rows | licence |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        limits = (row.limits["features"] or "any", row.limits["rows"] or "any")
        cells = (row.name, f"`{row.path}`", row.family, *limits, row.licence)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])


def _metadata(licence: str, *, synthetic: bool, measured: bool) -> list[str]:
    return [
        "---",
        "library_name: sktart",
        f"license: {licence.lower()}",
        "pipeline_tag: tabular-classification",
        "tags: [sktart, in-context-learning, tabular-classification, few-shot]",
        *(["datasets: [synthetic]"] if synthetic else []),
        *(["metrics: [log_loss, accuracy]"] if measured else []),
        "---",
    ]


def _few_shot_lines(groups: list[dict[str, Any]]) -> list[str]:
    lines = [
        "With few labelled rows of real data, against LogisticRegressionCV (10 values of C) on the same features. A",
        "cell is a data set with a number of labels; those where the reasoner has the higher mean log-loss are named.",
        "",
        "| split | data | shares | wrong labels | cells | log-loss ratio | accuracy, points | lost |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for group in groups:
        lost = "; ".join(f"{name} {', '.join(map(str, labels))}" for name, labels in group["lost"].items())
        cells = (
            *(group["split"], f"{group['modality']}, {group['encoder']}", group["shares"]),
            *(f"{group['noise']:.0%}", group["cells"], f"{group['log_loss_ratio']:.3f}"),
            *(f"{group['accuracy_points']:+.2f}", lost or "none"),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def _training_lines(recipe: dict[str, Any], training: dict[str, Any]) -> list[str]:
    families = sorted({component["family"] for component in recipe["prior"]})
    spans = [
        recipe["context_rows"],
        *(part["context_rows"] for part in recipe["prior"] if "context_rows" in part),
    ]
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    cores = training["cores"]
    return [
        f"- trained on synthetic tasks only ({', '.join(families)}), {training['steps']} steps, seed {recipe['seed']}",
        # A decoder learns from the beginnings of its sequences as well.
        f"- contexts of {f'{low} to' if low < high else 'up to'} {high} rows were seen in training",
        f"- made by `sktart pretrain recipe.json` in {training['seconds'] / 60:.0f} minutes "
        f"on {training['device']} ({cores} core{'s' if cores > 1 else ''})"
        + (f", starting from {recipe['start']}" if recipe.get("start") else ""),
    ]


def _import_lines(metrics: dict[str, Any]) -> list[str]:
    source = metrics["imported"]
    return [f"- imported by `sktart import-tart {source['file']}` (sha256 {source['sha256']})"]
