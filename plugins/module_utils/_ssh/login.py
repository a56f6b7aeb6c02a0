# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Tries a login over SSH with paramiko and says at which step it ended: name resolution, TCP, host key, authentication or command."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import io
import os
import re
import socket
import threading
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_text import Finding
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import Report
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import fingerprint, parse_public_key, public_line, wire_type
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import lacks

#: The steps of a login, in their order.
STAGES = ("resolution", "tcp", "host_key", "authentication", "command")

_MOST_OUTPUT = 10000
_MOST_KNOWN_HOSTS = 16 * 1024 * 1024
# Type of a host key → the signatures that a client asks for to see it.
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
_HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


class KnownKeys(t.NamedTuple):
    """The host keys that are accepted, as binary public keys or fingerprints, and those that are revoked."""

    blobs: t.List[bytes]
    fingerprints: t.List[str]
    revoked: t.List[bytes]

    def accepts(self, blob: bytes) -> bool:
        return blob not in self.revoked and (blob in self.blobs or fingerprint(blob) in self.fingerprints)

    def __bool__(self) -> bool:
        return bool(self.blobs or self.fingerprints)


def login_argument_spec() -> t.Dict[str, t.Any]:
    """The options of ssh_key_check about the login."""
    return {
        "host": {"type": "str"},
        "port": {"type": "int", "default": 22},
        "user": {"type": "str"},
        "host_key": {"type": "list", "elements": "str", "no_log": False},
        "known_hosts": {"type": "path"},
        "login_timeout": {"type": "int", "default": 10},
        "login_command": {"type": "str"},
    }


def check_params(params: t.Mapping[str, t.Any]) -> t.Optional[KnownKeys]:
    """What can be said against the options without a network; the known host keys, or ``None`` when no login is asked for."""
    if not params["host"]:
        return None
    if not params["user"]:
        raise Problem("host is given, but not user. Say with user who logs in.")
    if not 1 <= params["port"] <= 65535:
        raise Problem("port is %d; a port is a number from 1 to 65535." % params["port"])
    if params["login_timeout"] < 1:
        raise Problem("login_timeout is %d; it must be at least one second." % params["login_timeout"])
    known = KnownKeys([], [], [])
    for line in params["host_key"] or []:
        blob = parse_public_key(line)
        if blob is not None:
            known.blobs.append(blob)
        elif line.startswith("SHA256:"):
            known.fingerprints.append(line.rstrip("="))
        else:
            raise Problem("host_key is not a public key of SSH. Give a line such as 'ssh-ed25519 AAAA…', or a fingerprint such as SHA256:….")
    if params["known_hosts"]:
        if not os.path.isfile(params["known_hosts"]):
            raise Problem("known_hosts is %s, but there is no such file. Correct it, or give the key with host_key." % params["known_hosts"])
        try:
            with open(params["known_hosts"], "rb") as file:
                content = file.read(_MOST_KNOWN_HOSTS + 1)
        except OSError as error:
            raise Problem("known_hosts is %s, which cannot be read: %s. Check its permissions." % (params["known_hosts"], error.strerror)) from None
        if len(content) > _MOST_KNOWN_HOSTS:
            raise Problem("known_hosts is %s, which is larger than any such file. Name the right one." % params["known_hosts"])
        read_known_hosts(content.decode("utf-8", "surrogateescape"), params["host"], params["port"], known)
    return known


def read_known_hosts(text: str, host: str, port: int, known: KnownKeys) -> None:
    """Add what a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") says about a host. Certificate authorities are not followed."""
    name = host.lower() if port == 22 else "[%s]:%d" % (host.lower(), port)
    for line in text.split("\n"):
        words = re.split(r"[ \t]+", line.strip(" \t\r"))
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or marker not in ("", "@revoked") or not _matches(words[0], name):
            continue
        blob = parse_public_key(" ".join(words[1:3]))
        if blob is not None:
            (known.revoked if marker else known.blobs).append(blob)


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        try:
            salt, digest = (base64.b64decode(part) for part in patterns[3:].split("|", 1))
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(hmac.new(salt, name.encode("utf-8"), hashlib.sha1).digest(), digest)
    found = False
    for pattern in patterns.lower().split(","):
        # In fnmatch a bracket begins a set, here it is part of a name.
        if fnmatch.fnmatchcase(name, pattern.lstrip("!").replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


class Login:
    """One attempt. ``findings`` has at most one finding, ``result`` what was learnt on the way."""

    def __init__(self, params: t.Mapping[str, t.Any], known: KnownKeys, report: Report) -> None:
        self.params = params
        self.known = known
        self.report = report
        self.where = "%s port %d" % (params["host"], params["port"])
        self.findings: t.List[Finding] = []
        self._deadline = 0.0
        self._blob: t.Optional[bytes] = None
        self.result: t.Dict[str, t.Any] = {
            "succeeded": False,
            "stage": "resolution",
            "address": None,
            "server": None,
            "host_key": None,
            "host_key_fingerprint": None,
            "exit_status": None,
            "output": None,
        }

    def attempt(self) -> None:
        """Go as far as possible within ``login_timeout``. `Problem` when paramiko is missing."""
        try:
            import paramiko
        except ImportError:
            raise lacks("paramiko", "host, which asks for a login,") from None
        self._deadline = time.monotonic() + self.params["login_timeout"]
        transport = self._find_known_host(paramiko)
        if transport is None:
            return
        # Some of the library's waiting has no limit of its own.
        watchdog = threading.Timer(self._left() + 1, transport.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            if self._authenticate(transport, paramiko):
                self._command(transport, paramiko)
        finally:
            watchdog.cancel()
            transport.close()

    def _left(self) -> float:
        """Seconds that are left; never quite none, because that would mean no limit to some."""
        return max(0.01, self._deadline - time.monotonic())

    def _too_slow(self) -> bool:
        return time.monotonic() >= self._deadline

    def _find_known_host(self, paramiko: t.Any) -> t.Any:
        """A transport to a host that showed a key which is known, else ``None`` with a finding.

        Of a fingerprint nobody can tell the type, so a host is asked for keys of other types before it counts as a stranger.
        """
        tried: t.Set[str] = set()
        stranger: t.Optional[bytes] = None
        while True:
            transport = self._shake_hands(paramiko, tried, quiet=stranger is not None)
            blob = self._blob
            if transport is not None and blob is not None:
                if self.known.accepts(blob):
                    self._show(transport, blob)
                    return transport
                transport.close()
                if stranger is None or blob in self.known.revoked:
                    stranger = blob
                    self._show(transport, blob)
                tried.add(wire_type(blob))
            elif stranger is None:
                return None
            if transport is None or not self.known.fingerprints or blob in self.known.revoked or self._too_slow():
                if stranger is not None:
                    self._find_stranger(stranger)
                return None

    def _show(self, transport: t.Any, blob: bytes) -> None:
        self.result.update(server=transport.remote_version, host_key=public_line(blob), host_key_fingerprint=fingerprint(blob))

    def _find(self, code: str, text: str) -> None:
        self.findings.append(Finding(code, text))

    def _stage(self, stage: str) -> None:
        self.result["stage"] = stage

    def _connect(self, quiet: bool) -> t.Optional[socket.socket]:
        host, port = self.params["host"], self.params["port"]
        try:
            addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            self._find("login_resolution", "The name %s does not resolve here: %s Check host and the name service." % (host, sentence(why)))
            return None
        self._stage("tcp")
        failures = []
        for family, kind, protocol, dummy, address in addresses:
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(self._left())
            try:
                connection.connect(address)
            except socket.timeout:
                failures.append("%s gave no answer within %d seconds" % (address[0], self.params["login_timeout"]))
            except OSError as error:
                failures.append("%s: %s" % (address[0], error.strerror or error))
            else:
                self.result["address"] = address[0]
                return connection
            connection.close()
        if not quiet:
            self._find(
                "login_tcp",
                "No connection to %s: %s Check host, port, that sshd runs, and firewalls in between." % (self.where, sentence("; ".join(failures))),
            )
        return None

    def _shake_hands(self, paramiko: t.Any, tried: t.Set[str], quiet: bool) -> t.Any:
        """A transport on which the host has shown a key that is none of the types in ``tried``; the key is in ``_blob``. ``None`` when it shows none."""
        self._blob = None
        connection = self._connect(quiet)
        if connection is None:
            return None
        self._stage("host_key")
        transport = None
        try:
            transport = paramiko.Transport(connection)
            self._ask_for_known_type(transport, tried)
            transport.banner_timeout = self._left()
            transport.start_client(timeout=self._left())
            if not transport.initial_kex_done:
                raise socket.timeout
            self._blob = transport.get_remote_server_key().asbytes()
            return transport
        except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
            if transport is None:
                connection.close()
            else:
                transport.close()
            if not quiet:
                self._find("login_protocol", self._no_ssh(error))
            return None

    def _no_ssh(self, error: Exception) -> str:
        if self._too_slow() or isinstance(error, socket.timeout):
            return "%s accepts connections, but gave no answer in the language of SSH within %d seconds. Check port, or raise login_timeout." % (
                self.where, self.params["login_timeout"],
            )  # fmt: skip
        return "%s does not speak SSH as expected: %s Check port, and that both sides have an algorithm in common." % (self.where, sentence(str(error)))

    def _find_stranger(self, blob: bytes) -> None:
        shown = "%s %s" % (wire_type(blob), fingerprint(blob))
        if blob in self.known.revoked:
            self._find("host_key_revoked", "The host key of %s (%s) is marked as revoked in known_hosts. Do not log in there." % (self.where, shown))
        elif self.known:
            self._find(
                "host_key_mismatch",
                "The host key of %s is not the one that is known: it shows %s. Either the host was set up anew, or another host answers in its place;"
                " compare the fingerprint on the host itself before you replace the known one." % (self.where, shown),
            )
        else:
            self._find(
                "host_key_unknown",
                "The host key of %s is not known; it shows %s. Compare that on the host itself (ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub), then give it with"
                " host_key or known_hosts." % (self.where, shown),
            )

    def _ask_for_known_type(self, transport: t.Any, tried: t.Set[str]) -> None:
        """Ask the server for a key of a type that is known, or a host with several keys would look like a stranger."""
        options = transport.get_security_options()
        known = [wire_type(blob) for blob in self.known.blobs]
        wanted = [kind for kind in known + [kind for kind in _HOST_KEY_TYPES if kind not in known] if kind not in tried]
        names = [name for kind in dict.fromkeys(wanted) for name in _SIGNATURES.get(kind, (kind,)) if name in options.key_types]
        options.key_types = names

    def _authenticate(self, transport: t.Any, paramiko: t.Any) -> bool:
        self._stage("authentication")
        user = self.params["user"]
        transport.auth_timeout = self._left()
        try:
            key = self._key(paramiko)
        except (paramiko.SSHException, ValueError, TypeError) as error:
            self._find("login_impossible", "The login at %s was not tried: %s Check key and certificate." % (self.where, sentence(str(error))))
            return False
        try:
            left = transport.auth_publickey(user, key)
        except paramiko.BadAuthenticationType as error:
            self._find(
                "login_authentication",
                "%s does not let %s log in with a key; it offers %s. Check PubkeyAuthentication there." % (self.where, user, ", ".join(error.allowed_types)),
            )
            return False
        except (paramiko.SSHException, OSError, EOFError) as error:
            if self._too_slow():
                self._find(
                    "login_authentication",
                    "%s gave no answer to the login of %s within %d seconds. Look at its load and its name service, or raise login_timeout."
                    % (self.where, user, self.params["login_timeout"]),
                )
                return False
            self._find(
                "login_authentication",
                "%s does not accept the key %s for %s: %s Check that its public half is in the authorized_keys of %s, from= and AllowUsers there, and the"
                " permissions of the home." % (self.where, self.report.fingerprint, user, sentence(str(error)), user),
            )
            return False
        if left:
            self._find("login_authentication", "%s wants more than the key from %s: %s. A service has no more to offer." % (self.where, user, ", ".join(left)))
            return False
        return True

    def _key(self, paramiko: t.Any) -> t.Any:
        """The key as paramiko wants it, which reads fewer formats than ``cryptography``."""
        from cryptography.hazmat.primitives import serialization

        text = self.report.loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode("ascii")
        kind = {"ed25519": paramiko.Ed25519Key, "ecdsa": paramiko.ECDSAKey, "rsa": paramiko.RSAKey}[self.report.type or ""]
        key = kind.from_private_key(io.StringIO(text))
        if self.params.get("certificate"):
            key.load_certificate(self.params["certificate"].strip())
        return key

    def _command(self, transport: t.Any, paramiko: t.Any) -> None:
        self._stage("command")
        if self.params["login_command"] is None:
            self.result["succeeded"] = True
            return
        try:
            channel = transport.open_session(timeout=self._left())
            channel.settimeout(self._left())
            channel.set_combine_stderr(True)
            channel.exec_command(self.params["login_command"])
            output = _drain(channel, self._deadline)
            status = channel.recv_exit_status()
            if status < 0 and self._too_slow():
                raise socket.timeout
        except (paramiko.SSHException, OSError, EOFError) as error:
            if self._too_slow() or isinstance(error, socket.timeout):
                self._find(
                    "login_command",
                    "The command did not end on %s within %d seconds. Raise login_timeout, or check the command." % (self.where, self.params["login_timeout"]),
                )
                return
            self._find("login_command", "The command could not be run on %s: %s Check command= and the login shell there." % (self.where, sentence(str(error))))
            return
        self.result.update(exit_status=status, output=output)
        if status != 0:
            said = sentence(output[-300:]) or "It printed nothing."
            self._find("login_command", "The command ended with the exit status %d on %s. %s" % (status, self.where, said))
            return
        self.result["succeeded"] = True


def _drain(channel: t.Any, deadline: float) -> str:
    """What the command prints until it ends; `socket.timeout` when it does not by the deadline. The first part of it is kept."""
    kept = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout
        channel.settimeout(left)
        data = channel.recv(4096)
        if not data:
            break
        kept = (kept + data)[:_MOST_OUTPUT]
    if not channel.status_event.wait(max(0.1, deadline - time.monotonic())):
        raise socket.timeout
    return kept.decode("utf-8", "replace")
