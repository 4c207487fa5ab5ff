"""Is this a release? Builds wheel and sdist, and tries both in fresh environments outside of the repository.

    make release-check
    make gallery-check  # stops after the gallery

pip needs a network, or packages on the disk. It takes some fifteen minutes, and 5 GB in a temporary folder.
The packages are left in build/release/dist.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path
from time import perf_counter

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
DIST = ROOT / "build" / "release" / "dist"
WORK = Path(tempfile.mkdtemp(prefix="sktart-release-"))  # outside of the repository
EXTRAS = "[auto,e5,efficientnet,examples,speech,wordllama]"  # with Babel, what the examples of README and gallery need


def run(*command: str | Path, cwd: Path = WORK) -> str:
    """Run a program that sees neither the repository nor the Hub; return what it prints."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    variables |= {"MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=cwd, env=variables, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def environment(name: str, *packages: str | Path) -> Path:
    """Make a fresh virtual environment with packages in the versions of the tests; return its folder of programs."""
    folder = WORK / name
    venv.create(folder, with_pip=True, clear=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for package in packages:  # torch first: another package would bring its newest build, with all of CUDA
        run(*pip, "-c", ROOT / "constraints.txt", str(package))
    return folder / "bin"


def build() -> tuple[Path, Path]:
    """Build an sdist, and a wheel from it."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(environment("builder", "build") / "python", "-m", "build", "--outdir", DIST, ROOT)
    return next(DIST.glob("*.tar.gz")), next(DIST.glob("*.whl"))


def check_contents(sdist: Path, wheel: Path) -> str:
    """Hold both against what they must have; return the version."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(archive.read(about))  # raises where a field is not valid
    for name in ["py.typed", "zoo/registry.json", "zoo/default/model.safetensors"]:
        if f"sktart/{name}" not in names:
            sys.exit(f"{wheel.name} lacks sktart/{name}")
    if strangers := [name for name in names if not name.startswith(("sktart/", "sktart-"))]:
        sys.exit(f"{wheel.name} holds what is not of the package: {strangers}")
    with tarfile.open(sdist) as archive:
        if not any(name.endswith("/LICENSE") for name in archive.getnames()):
            sys.exit(f"{sdist.name} lacks the licence")
    return str(metadata.version)


def first_example() -> tuple[str, list[str]]:
    """Return the first block of code in README.md, and the lines that it says are printed."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    return code, re.findall(r"print\(.*\)  # (.*)", code)


def try_package(name: str, package: Path) -> Path:
    """Install a package in a fresh environment, and run README's first example there."""
    programs = environment(name, "torch", f"{package}{EXTRAS}", "babel")
    where = run(programs / "python", "-c", "import sktart; print(sktart.__file__)").strip()
    if not Path(where).is_relative_to(WORK):
        sys.exit(f"{name} was tried, but sktart came from {where}")
    code, expected = first_example()
    if (printed := run(programs / "python", "-W", "error", "-c", code).splitlines()) != expected:
        sys.exit(f"README's first example prints {printed} with the {name}, and not {expected}")
    print(f"{name}: installed outside of the repository, README's first example prints what it says")
    return programs


def check_gallery(programs: Path) -> None:
    """Run each example of the gallery in an empty folder of its own."""
    for example in sorted((ROOT / "examples" / "gallery").glob("plot_*.py")):
        folder = WORK / "gallery" / example.stem
        folder.mkdir(parents=True)
        start = perf_counter()
        run(programs / "python", shutil.copy(example, folder), cwd=folder)
        print(f"gallery: {example.name} runs with the wheel, {perf_counter() - start:.0f} s")


def check_zoo(programs: Path) -> None:
    """Do all of a publication that comes before the first request."""
    rows = json.loads(
        run(programs / "sktart", "zoo", "push", ROOT / "zoo", "--repo", "sktart/zoo", "--dry-run")
    )
    print(f"zoo: {len(rows)} checkpoints load, answer as they did, and could be pushed")


def is_in_changelog(version: str) -> bool:
    """Tell whether the changelog begins with the version and a date."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    top = re.search(r"^## (.*)", text, re.MULTILINE)[1]
    print(f"changelog: begins with {top}, and the package is {version}")
    return re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", top) is not None


def main() -> None:
    """Check one thing after the other; the first that is wrong ends it, but for the changelog."""
    sdist, wheel = build()
    version = check_contents(sdist, wheel)
    print(f"built {sdist.name} and {wheel.name}")
    programs = try_package("wheel", wheel)
    check_gallery(programs)
    if sys.argv[1:] == ["gallery"]:
        return
    try_package("sdist", sdist)
    check_zoo(programs)
    if not is_in_changelog(version):
        sys.exit("all else is right, but CHANGELOG.md must begin with the version of the package and a date")


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(WORK)
