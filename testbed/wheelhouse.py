# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wheelhouse: every wheel that the locks name, source distributions built once, and locks that admit those builds."""

from __future__ import annotations

import json
from pathlib import Path

from testbed.common import LOCKS, ROOT, digest, read_json, run, say, scratch, sha256, step, write, write_json
from testbed.locks import normalize, with_hashes

BUILD = ROOT / "roles" / "mlops_bundle" / "files" / "build-3.7.txt"
# Wheels hold the times of the files in them; a fixed one makes two builds of the same source equal.
# wrapt's extension is optional, and one built here might not load with an older C library.
BUILD_ENVIRONMENT = {"SOURCE_DATE_EPOCH": "1577836800", "WRAPT_INSTALL_EXTENSIONS": "false"}


def sources() -> dict[str, Path]:
    """Return the committed locks whose distributions belong into the wheelhouse, by name."""
    found = {name: LOCKS / f"{name}.txt" for name in ("mlflow", "sklearn", "h2o", "postgresql", "uv")}
    agent = ROOT / "agent" / "requirements-test.txt"
    if agent.exists():
        found["agent-test"] = agent
    return found


def tool(python37: Path, folder: Path) -> Path:
    """Return the Python of an environment with the locked pip, setuptools and wheel for Python 3.7."""
    run([python37, "-m", "venv", folder], what="Making the environment that builds wheels")
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes", "-r", BUILD]
    run(install, what="Filling the environment that builds wheels")
    return python


def artifact(folder: Path, python37: Path) -> dict[str, object]:
    """Return {"directory", "locks"} of the wheelhouse in *folder*, downloading and building what is missing."""
    house = folder / "wheelhouse"
    house.mkdir(parents=True, exist_ok=True)
    texts = {name: path.read_text() for name, path in sources().items()}
    recipe = digest(json.dumps(texts, sort_keys=True), Path(__file__).read_bytes())
    builder = digest(BUILD.read_bytes(), json.dumps(BUILD_ENVIRONMENT))
    record = folder / "wheelhouse.json"
    known = read_json(record)
    if known.get("recipe") == recipe and known["builder"] == builder and intact(house, known["files"]):
        say(f"Wheelhouse: {len(known['files'])} files present, digests checked")
    else:
        built = known.get("built", {}) if known.get("builder") == builder else {}
        with scratch(folder) as work:
            built = fill(house, texts, built, python37, work)
        files = {path.name: sha256(path) for path in sorted(house.iterdir())}
        write_json(record, {"recipe": recipe, "builder": builder, "built": built, "files": files})
        say(f"Wheelhouse: {len(files)} files")
    return {"directory": str(house), "locks": {name: str(house / f"lock-{name}.txt") for name in texts}}


def intact(house: Path, files: dict[str, str]) -> bool:
    """Tell whether the folder holds exactly the files with these digests."""
    return {path.name for path in house.iterdir()} == set(files) and all(sha256(house / name) == value for name, value in files.items())


def fill(house: Path, texts: dict[str, str], built: dict[str, str], python37: Path, work: Path) -> dict[str, str]:
    """Bring the wheelhouse to what the locks say; what it holds already is not fetched again.

    *built* has the digests of wheels built here earlier, by distribution; returns it with those built now.
    """
    got = work / "got"
    python = tool(python37, work / "tool")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # pip prefers a file whose digest it is told beforehand; a plain folder tells none.
    links = work / "links.html"
    links.write_text("".join(f'<a href="{path.as_uri()}#sha256={sha256(path)}">{path.name}</a>\n' for path in house.glob("*.whl")))
    with step("Downloading what the locks name"):
        for name, text in texts.items():
            lock = work / f"{name}.txt"
            lock.write_text(with_hashes(text, built))
            command = [*pip, "download", "--require-hashes", "--no-deps", "--find-links", links, "--dest", got, "-r", lock]
            # The installer's wheel asks for a newer Python than the one that only carries it.
            command += ["--ignore-requires-python"] if name == "uv" else []
            run(command, what=f"Downloading what {sources()[name].relative_to(ROOT)} names")
    now = {}
    for source in sorted(path for path in got.iterdir() if path.suffix != ".whl"):
        with step(f"Building a wheel of {source.name}"):
            command = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", work / source.name, source]
            run(command, what=f"Building a wheel of {source.name}", env=BUILD_ENVIRONMENT)
            wheel = next((work / source.name).glob("*.whl"))
        now[normalize(wheel.name.split("-")[0])] = f"sha256:{sha256(wheel)}"
        source.unlink()
        wheel.replace(got / wheel.name)
    names = {normalize(path.name.split("-")[0]): f"sha256:{sha256(path)}" for path in got.iterdir()}
    built = {name: value for name, value in {**built, **now}.items() if names.get(name) == value}
    for name, text in texts.items():
        write(got / f"lock-{name}.txt", with_hashes(text, built))
    wanted = {path.name for path in got.iterdir()}
    for name in sorted(wanted):
        (got / name).replace(house / name)
    for path in list(house.iterdir()):
        if path.name not in wanted:
            path.unlink()
    return built
