# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenBao of the scenario's own, on a loopback port, with an AppRole that may read one secret: `vault.py start|stop FOLDER`.

`vault.json` in the folder says where it is and how to log in. Starting ends an older one of the same folder first.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import hvac
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET = "sparkflows/ssh"
POLICY = f'path "secret/data/{SECRET}" {{ capabilities = ["read"] }}'


def start(folder: Path) -> None:
    stop(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    known = {"url": f"http://{address}", "token": secrets.token_urlsafe(24)}
    with (folder / "vault.log").open("wb") as log:
        server = subprocess.Popen(
            ["bao", "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={address}"],
            env={**os.environ, "BAO_DEV_ROOT_TOKEN_ID": known["token"]},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    (folder / "vault.log").chmod(0o600)
    (folder / "vault.pid").write_text(f"{server.pid}\n")
    client = hvac.Client(url=known["url"], token=known["token"])
    deadline = time.monotonic() + 30
    while not answers(client):
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"OpenBao did not start; {folder / 'vault.log'} says why.")
        time.sleep(0.1)
    client.sys.enable_auth_method("approle")
    client.sys.create_or_update_policy("sparkflows", POLICY)
    client.auth.approle.create_or_update_approle("sparkflows", token_policies=["sparkflows"])
    known["role_id"] = client.auth.approle.read_role_id("sparkflows")["data"]["role_id"]
    known["secret_id"] = client.auth.approle.generate_secret_id("sparkflows")["data"]["secret_id"]
    put_key(client)
    note = folder / "vault.json"
    note.touch(mode=0o600)
    note.write_text(json.dumps(known))


def answers(client: hvac.Client) -> bool:
    try:
        return bool(client.sys.is_initialized() and client.is_authenticated() and "secret/" in client.sys.list_mounted_secrets_engines())
    except (OSError, hvac.exceptions.VaultError):
        return False


def put_key(client: hvac.Client) -> str:
    """Write a new private key as the secret's next version; return it."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    key = Ed25519PrivateKey.generate().private_bytes(*form).decode()
    client.secrets.kv.v2.create_or_update_secret(SECRET, {"private_key": key}, mount_point="secret")
    return key


def stop(folder: Path) -> None:
    """End the server that was started for this folder, and no other program that may have its number by now."""
    note = folder / "vault.pid"
    if not note.exists():
        return
    pid = int(note.read_text())
    try:
        if b"bao\0server\0-dev" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGTERM)
    except OSError:
        pass
    note.unlink()


if __name__ == "__main__":
    {"start": start, "stop": stop}[sys.argv[1]](Path(sys.argv[2]))
