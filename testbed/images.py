# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of the test hosts: Debian with systemd and sshd, from a registry where one answers, else from packages."""

from __future__ import annotations

import subprocess

from testbed import debian
from testbed.common import TestbedError, alone, cache, digest, run, say, scratch, step, succeeds

# Platform of a host: (published image, Debian suite).
PLATFORMS = {"debian-12": ("debian:12", "bookworm"), "debian-13": ("debian:13", "trixie")}
PACKAGES = [
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "python3-apt"),
    *("iproute2", "ca-certificates", "curl", "procps", "zstd"),
]
LABEL = "sparkflows-mlops.recipe"
# Runs inside the new system, as root. Host keys are made per host, never baked in.
SETUP = """\
set -eu
useradd --create-home --shell /bin/bash admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
chmod 0440 /etc/sudoers.d/admin
install -d -m 0700 -o admin -g admin /home/admin/.ssh
printf '%s\\n' 'PermitRootLogin no' 'PasswordAuthentication no' 'HostKey /etc/ssh/ssh_host_ed25519_key' > /etc/ssh/sshd_config.d/testbed.conf
rm -f /etc/ssh/ssh_host_*
echo 'LANG=C.UTF-8' > /etc/default/locale
systemctl enable ssh.service
# Nobody answers a first boot's questions, and the container's consoles are no terminals.
systemctl mask systemd-firstboot.service getty@tty1.service console-getty.service
"""


def name(platform: str) -> str:
    """Return the image of a platform, or with PLATFORM@TAG of one that `hosts keep` made of a host; raises TestbedError for an unknown one."""
    base, dummy, tag = platform.partition("@")
    if base not in PLATFORMS:
        raise TestbedError(f"There is no platform {base!r}; known are {', '.join(sorted(PLATFORMS))}.")
    return f"sparkflows-mlops/{base}" + (f":{tag}" if tag else "")


def recipe(platform: str) -> str:
    """Return a digest of all that decides what the image of a platform holds."""
    return digest(*PLATFORMS[platform], " ".join(PACKAGES), SETUP)


def made_by(platform: str) -> str:
    """Return the recipe by which the image of a platform was made, or nothing when there is none."""
    query = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name(platform)]
    found = subprocess.run(query, capture_output=True, text=True, check=False)
    return "" if found.returncode else found.stdout.strip()


def current(platform: str) -> bool:
    """Tell whether the image is there and was made by this recipe."""
    return made_by(platform) == recipe(platform)


def ensure(platform: str) -> None:
    """Make the image of a platform unless it is there."""
    with alone("images"):
        make(platform)


def make(platform: str) -> None:
    """Make the image of a platform unless it is there, while nobody else makes images."""
    image = name(platform)
    if current(platform):
        say(f"Image {image}: present")
        return
    published, suite = PLATFORMS[platform]
    label = f"LABEL {LABEL}={recipe(platform)}"
    # Asking for the manifest alone tells soon whether a registry answers.
    if succeeds(["docker", "manifest", "inspect", published], timeout=10):
        with step(f"Building {image} upon {published}"):
            upon_published(image, published, label)
    else:
        with step(f"Building {image} of Debian {suite}'s packages"):
            from_packages(image, suite, label)


def upon_published(image: str, published: str, label: str) -> None:
    """Complete a published image and commit it. The machine's CA files are lent for the time, not baked in."""
    run(["docker", "pull", "--quiet", published], what=f"Pulling {published}")
    install = f"export DEBIAN_FRONTEND=noninteractive; apt-get update -q; apt-get install -q -y --no-install-recommends {' '.join(PACKAGES)}\n"
    lent = ["--volume", "/usr/local/share/ca-certificates:/usr/local/share/ca-certificates:ro"]
    container = run(["docker", "create", "--interactive", *lent, published, "sh"], what="Creating the build container").strip()
    try:
        run(["docker", "start", "--attach", "--interactive", container], what=f"Completing {published}", stdin=("set -eu\n" + install + SETUP).encode())
        run(["docker", "commit", "--change", label, "--change", 'CMD ["/lib/systemd/systemd"]', container, image], what=f"Committing {image}")
    finally:
        run(["docker", "rm", "--force", "--volumes", container], what="Removing the build container")


def from_packages(image: str, suite: str, label: str) -> None:
    """Make a system of Debian's packages and import it."""
    debian.require_packages({"mmdebstrap": "mmdebstrap", str(debian.KEYRING): "debian-archive-keyring"}, "Building test images")
    with scratch(cache()) as work:
        setup, tree = work / "setup.sh", work / "system.tar"
        setup.write_text(SETUP)
        run(
            ["mmdebstrap", "--variant=apt", "--quiet", "--skip=cleanup/apt/lists", f"--include={','.join(PACKAGES)}"]
            + [f"--customize-hook=chroot \"$1\" sh < '{setup}'", suite, tree, *debian.source_lines(suite)],
            what=f"Building a Debian {suite}",
        )
        changes = ["--change", label, "--change", 'CMD ["/lib/systemd/systemd"]']
        run(["docker", "import", *changes, tree, image], what=f"Importing {image}")


def remove_all() -> None:
    """Remove every image that was made here: those of the hosts, and those that tests built upon them."""
    listing = run(["docker", "images", "--filter", "reference=sparkflows-mlops/*", "--format", "{{.Repository}}:{{.Tag}}"], what="Listing the images")
    for image in listing.split():
        run(["docker", "image", "rm", "--force", image], what=f"Removing {image}")
        say(f"Image {image}: removed")
