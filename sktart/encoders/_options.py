"""What a user may ask of a pretrained model."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from sktart.rows._entries import shown

Pooling = Literal["mean", "last", "cls"]
Dtype = Literal["float32", "float64", "bfloat16", "float16"]

# What changes the encodings. The other options say how to work: where there is nothing to do, they hold.
MODEL_OPTIONS = (
    *("text_prefix", "pooling", "layer", "max_length", "sampling_rate"),
    *("dtype", "revision", "trust_remote_code"),
)


@dataclass(frozen=True)
class ModelOptions:
    """Options of ``TartTransformer`` for encoders that are pretrained models; they are documented there."""

    text_prefix: str | None = None
    pooling: Pooling | None = None
    layer: int | None = None
    max_length: int | None = None
    sampling_rate: int | None = None
    dtype: Dtype = "float32"
    revision: str | None = None
    local_files_only: bool = False
    trust_remote_code: bool = False
    batch_size: int = 32
    device: str = "auto"
    progress: bool | None = None


def refuse_options(options: ModelOptions, names: tuple[str, ...], reason: str) -> None:
    """Refuse options that would be ignored.

    Examples
    --------
    >>> refuse_options(ModelOptions(layer=3), MODEL_OPTIONS, "PCA is no pretrained model")
    Traceback (most recent call last):
        ...
    ValueError: layer must stay None, as PCA is no pretrained model; got 3
    """
    defaults = {field.name: field.default for field in fields(options)}
    problems = [
        f"{name} must stay {defaults[name]!r}, as {reason}; got {shown(getattr(options, name))}"
        for name in names
        if getattr(options, name) != defaults[name]
    ]
    if problems:
        raise ValueError("\n".join(problems))
