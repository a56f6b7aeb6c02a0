# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as Ansible's own tools want it: staged below ansible_collections/NAMESPACE/NAME, or built into its artifact."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from testbed.common import ROOT, alone, cache, run
from testbed.cores import BIN


def committed(*patterns: str) -> list[str]:
    """Return the files of the checkout that git tracks or would track, below the root, as relative names."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return sorted(name for name in set(listing.split("\0")) if name and (ROOT / name).is_file())


def stage() -> Path:
    """Copy the files git would commit to where Ansible's tools look, as a git work tree of its own; return that folder."""
    tree = cache() / "staged" / "ansible_collections" / "sparkflows" / "mlops"
    with alone("staged"):
        copy_to(tree, committed())
        git = ["git", "-C", tree, "-c", "user.name=gates", "-c", "user.email=gates@localhost"]
        if not (tree / ".git").is_dir():
            run([*git, "init", "--quiet", "--initial-branch=main"], what="Staging the collection")
        run([*git, "add", "--all"], what="Staging the collection")
        run([*git, "commit", "--quiet", "--allow-empty", "--message=staged"], what="Staging the collection")
    return tree


def copy_to(tree: Path, names: list[str]) -> None:
    """Make a folder hold these files of the checkout and no others, but for its own .git."""
    wanted = set(names)
    tree.mkdir(parents=True, exist_ok=True)
    for old in sorted(tree.rglob("*"), reverse=True):
        relative = old.relative_to(tree)
        if relative.parts[0] == ".git":
            continue
        if old.is_dir() and not old.is_symlink():
            if not any(old.iterdir()):
                old.rmdir()
        elif str(relative) not in wanted:
            old.unlink()
    for name in names:
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)


def build(place: Path) -> Path:
    """Build the collection's artifact in a folder and return its path."""
    tree = place / "ansible_collections" / "sparkflows" / "mlops"
    copy_to(tree, committed())
    run([BIN / "ansible-galaxy", "collection", "build", "--force", "--output-path", place, tree], what="Building the collection")
    [artifact] = place.glob("sparkflows-mlops-*.tar.gz")
    return artifact
