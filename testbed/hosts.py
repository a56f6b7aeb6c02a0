# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Testbeds: systemd containers that are reached like any host, by SSH, and a mirror on their network."""

from __future__ import annotations

import io
import json
import re
import secrets
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

from testbed import artifacts, debian, images
from testbed.common import TestbedError, cache, read_json, run, say, scratch, succeeds, write, write_json

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
LABEL = "sparkflows-mlops.testbed"
AUTHORITIES = Path("/usr/local/share/ca-certificates")
USER = "admin"
# systemd as the first process of a container, without --privileged; NET_ADMIN is for the host's own firewall, and with
# SYS_PTRACE root sees, as on any host, whose process holds a port. Docker's AppArmor profile would forbid systemd's mounts.
SYSTEMD = [
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE", "--cgroupns", "private"),
    *("--security-opt", "apparmor=unconfined", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--stop-signal", "SIGRTMIN+3"),
]
# Once per boot, as /run is empty then.
READY = "test -e /run/testbed-ready || sudo -n sh -c 'update-ca-certificates >/dev/null && touch /run/testbed-ready'"


def folder(name: str) -> Path:
    """Return the folder with keys, SSH configuration and addresses of a testbed."""
    return cache() / "testbeds" / name


def prefix(name: str) -> str:
    """Return the name of a testbed's network, with which the names of its containers begin."""
    return f"sparkflows-mlops-{name}"


def parse(rows: list[str]) -> dict[str, str]:
    """Return {host: platform} from arguments like mlflow-a=debian-13; raises TestbedError for a bad one."""
    found: dict[str, str] = {}
    for row in rows:
        host, platform = (row.split("=", 1) + [""])[:2]
        if not NAME.fullmatch(host) or host == "mirror":
            raise TestbedError(f"{host!r} is no name for a host: lower-case letters, digits and dashes, and not 'mirror'.")
        if host in found:
            raise TestbedError(f"The host {host!r} is named twice.")
        images.name(platform)
        found[host] = platform
    return found


def inspect(container: str) -> dict[str, Any] | None:
    """Return what docker knows of a container, None when there is none."""
    found = subprocess.run(["docker", "container", "inspect", container], capture_output=True, text=True, check=False)
    if found.returncode:
        return None
    known: dict[str, Any] = json.loads(found.stdout)[0]
    return known


def members(name: str) -> list[str]:
    """Return the containers of a testbed, running or not."""
    query = ["docker", "ps", "--all", "--filter", f"label={LABEL}={name}", "--format", "{{.Names}}"]
    return run(query, what="Listing the containers").split()


def up(name: str, wanted: dict[str, str], memory: str = "4g") -> None:
    """Make a testbed be there with exactly these hosts; running ones are left alone."""
    if not NAME.fullmatch(name):
        raise TestbedError(f"{name!r} is no name for a testbed: lower-case letters, digits and dashes.")
    debian.require_packages({"ssh": "openssh-client", "ssh-keygen": "openssh-client"}, "Reaching the hosts")
    place = folder(name)
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    key = keypair(place / "id_ed25519")
    for secret in ("agent_token", "tracking_password"):
        if not (place / secret).exists():
            write(place / secret, secrets.token_urlsafe(32) + "\n", mode=0o600)
    network = prefix(name)
    if not succeeds(["docker", "network", "inspect", network]):
        run(["docker", "network", "create", "--label", f"{LABEL}={name}", network], what=f"Creating the network {network}")
    for container in set(members(name)) - {f"{network}-{host}" for host in (*wanted, "mirror")}:
        run(["docker", "rm", "--force", "--volumes", container], what=f"Removing {container}")
    mirror(name)
    pins = {line.split(" ", 1)[0]: line for line in lines(place / "known_hosts")}
    index = {}
    for host, platform in wanted.items():
        container = f"{network}-{host}"
        address, pin = host_up(name, host, platform, key, memory, pins.get(host))
        pins[host] = pin
        index[host] = {"container": container, "address": address, "platform": platform}
    write(place / "known_hosts", "".join(f"{pins[host]}\n" for host in wanted))
    write(place / "ssh_config", ssh_config(place, index))
    write_json(place / "hosts.json", index)
    for host in wanted:
        wait_for(place, host)
    say(f"Testbed {name}: " + ", ".join(f"{host} is {value['platform']} at {value['address']}" for host, value in index.items()))


def lines(path: Path) -> list[str]:
    """Return the lines of a file, none when it is missing."""
    return path.read_text().splitlines() if path.exists() else []


def keypair(path: Path) -> str:
    """Make an ed25519 key pair unless it is there; return its public half."""
    public = path.with_suffix(".pub")
    if not (path.exists() and public.exists()):
        with scratch(path.parent) as work:
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "sparkflows-mlops testbed", "-f", work / "key"], what="Making a key")
            (work / "key").rename(path)
            (work / "key.pub").rename(public)
    return public.read_text().strip()


def host_up(name: str, host: str, platform: str, key: str, memory: str, pin: str | None) -> tuple[str, str]:
    """Make one host run; return its address and its line for known_hosts."""
    network, image = prefix(name), images.name(platform)
    container = f"{network}-{host}"
    known = inspect(container)
    built = run(["docker", "image", "inspect", "--format", "{{.Id}}", image], what=f"Looking for the image {image}").strip()
    if known and (known["Image"] != built or not pin):
        say(f"Host {host}: made of an older image or unfinished; made anew")
        run(["docker", "rm", "--force", "--volumes", container], what=f"Removing the outdated {container}")
        known = None
    if known is None:
        say(f"Host {host}: starting as {platform}")
        run(
            ["docker", "create", "--name", container, "--hostname", host, "--network", network, "--network-alias", host]
            + ["--label", f"{LABEL}={name}", *SYSTEMD, "--memory", memory, image, "/lib/systemd/systemd"],
            what=f"Creating {container}",
        )
        with scratch(folder(name)) as work:
            public = keypair(work / "host")
            pin = f"{host} {' '.join(public.split()[:2])}"
            tree = belongings(key, (work / "host").read_bytes(), public)
        run(["docker", "cp", "-", f"{container}:/"], what=f"Giving {container} its keys", stdin=tree)
    if not (known and known["State"]["Running"]):
        run(["docker", "start", container], what=f"Starting {container}")
    state = inspect(container)
    address = state["NetworkSettings"]["Networks"][network]["IPAddress"] if state else ""
    if not address or pin is None:
        raise TestbedError(f"The container {container} ended at once; `docker logs {container}` may say why.")
    return address, pin


def belongings(key: str, host_key: bytes, host_public: str) -> bytes:
    """Return a tar of the files that make a container this host: its key, who may log in, the CAs of this machine."""
    files = {
        "etc/ssh/ssh_host_ed25519_key": (host_key, 0o600, 0),
        "etc/ssh/ssh_host_ed25519_key.pub": (f"{host_public}\n".encode(), 0o644, 0),
        # The first user of a Debian system.
        f"home/{USER}/.ssh/authorized_keys": (f"{key}\n".encode(), 0o600, 1000),
    }
    for path in sorted(AUTHORITIES.glob("*.crt")):
        files[f"usr/local/share/ca-certificates/{path.name}"] = (path.read_bytes(), 0o644, 0)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, (data, mode, owner) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid, member.gid, member.mtime = len(data), mode, owner, owner, int(time.time())
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def ssh_config(place: Path, index: dict[str, dict[str, str]]) -> str:
    """Return an SSH client configuration in which every host is known by its name and its pinned key."""
    blocks = [f"Host {host}\n  HostName {value['address']}\n  HostKeyAlias {host}\n" for host, value in index.items()]
    return "\n".join(blocks) + (
        f"\nHost *\n  User {USER}\n  IdentityFile {place}/id_ed25519\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {place}/known_hosts\n  StrictHostKeyChecking yes\n  LogLevel ERROR\n"
    )


def wait_for(place: Path, host: str, patience: float = 60) -> None:
    """Wait until a host's boot is over and it lets us in; then let it trust the CAs of this machine."""
    login = ["ssh", "-F", place / "ssh_config", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", host]
    deadline = time.monotonic() + patience
    # pam_nologin turns everybody away until the boot is over.
    while not succeeds([*login, "true"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    run([*login, READY], what=f"Logging in to {host} by SSH")


def mirror(name: str) -> None:
    """Serve the artifacts to the hosts of a testbed, read-only, as http://mirror/."""
    container = f"{prefix(name)}-mirror"
    image = images.name("debian-13")
    known = inspect(container)
    if known is not None and known["State"]["Running"]:
        return
    if known is not None:
        run(["docker", "rm", "--force", container], what=f"Removing {container}")
    artifacts.folder().mkdir(parents=True, exist_ok=True)
    run(
        ["docker", "run", "--detach", "--init", "--name", container, "--network", prefix(name), "--network-alias", "mirror"]
        + ["--label", f"{LABEL}={name}", "--volume", f"{artifacts.folder()}:/srv:ro", "--read-only", image]
        + ["python3", "-m", "http.server", "--bind", "0.0.0.0", "--directory", "/srv", "80"],  # noqa: S104 - in a container
        what=f"Starting {container}",
    )


def keep(name: str, wanted: dict[str, str], recipe: str = "") -> None:
    """Make an image of each of these hosts as it stands, under the name that its PLATFORM@TAG says; the hosts are stopped for it and run again.

    :param recipe: a digest of what led there, for who wants to know whether the image is still right.
    """
    for host, platform in wanted.items():
        container, image = f"{prefix(name)}-{host}", images.name(platform)
        run(["docker", "stop", "--time", "60", container], what=f"Stopping {container}")
        run(["docker", "commit", "--change", f'LABEL {images.LABEL}="{recipe}"', container, image], what=f"Making the image {image}")
        run(["docker", "start", container], what=f"Starting {container}")
        wait_for(folder(name), host)
        say(f"Host {host}: kept as {platform}")


def down(name: str) -> None:
    """Remove a testbed: containers, network, keys and addresses."""
    for container in members(name):
        run(["docker", "rm", "--force", "--volumes", container], what=f"Removing {container}")
    if succeeds(["docker", "network", "inspect", prefix(name)]):
        run(["docker", "network", "rm", prefix(name)], what=f"Removing the network {prefix(name)}")
    shutil.rmtree(folder(name), ignore_errors=True)
    say(f"Testbed {name}: removed")


def known_testbeds() -> list[str]:
    """Return the names of all testbeds that were made here."""
    place = cache() / "testbeds"
    return sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []


def hosts(name: str) -> dict[str, dict[str, str]]:
    """Return {host: {"container", "address", "platform"}} of a testbed; raises TestbedError when there is none."""
    found = read_json(folder(name) / "hosts.json")
    if not found:
        raise TestbedError(f"There is no testbed {name!r}; make it with `python -m testbed hosts up --name {name} --host …`.")
    return found
