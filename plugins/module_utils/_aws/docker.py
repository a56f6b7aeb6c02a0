# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The docker engine of the machine that the module runs on, through its command."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import tempfile
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.context import dockerfile
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ENGINE_TIMEOUT = 60
_SCRATCH = "sparkflows-mlops-docker-"


class Docker:
    """The docker engine, through the program `docker` and whatever DOCKER_HOST or the user's docker context point it to."""

    def __init__(self, aws: Aws, build_timeout: float, push_timeout: float) -> None:
        self._mask = aws.mask
        self._keep_secret = aws.keep_secret
        self._build_timeout = build_timeout
        self._push_timeout = push_timeout

    def _run(self, arguments: list[str], timeout: float, folder: str | None = None, **options: t.Any) -> tuple[int, str]:
        kept = ("HOME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")
        environment = {
            name: value for name, value in os.environ.items()
            if name in kept or name.startswith(("DOCKER_", "BUILDKIT_", "BUILDX_")) or name.lower().endswith("_proxy")
        }
        # A build with an attestation becomes an index, which SageMaker can't start.
        environment.update(PATH=os.environ.get("PATH", commands.PATH), LC_ALL="C", BUILDX_NO_DEFAULT_ATTESTATIONS="1")
        if folder is not None:
            environment["DOCKER_CONFIG"] = folder
        try:
            status, output = commands.run(["docker"] + arguments, environment, timeout=timeout, **options)
        except OSError as error:
            raise Problem("The program docker cannot be started where the module runs (%s). Install the docker client there." % error.strerror) from None
        except commands.TooSlow:
            raise Problem(
                "'docker %s' did not end within %d seconds and was stopped. Check the network between the docker engine and the registry,"
                " or raise build_timeout or push_timeout." % (arguments[0], timeout)
            ) from None
        output = self._mask(output)
        if status and re.search(r"Cannot connect to the Docker daemon|permission denied while trying to connect|error during connect", output):
            raise Problem(
                "The docker engine cannot be reached where the module runs. Start it, or check DOCKER_HOST and the user's rights. It says: %s"
                % sentence(_end(output))
            )
        return status, output

    def image_id(self, reference: str) -> t.Optional[str]:
        """The id of a local image, ``None`` when the engine has none of this name."""
        status, output = self._run(["image", "inspect", "--format", "{{.Id}}", reference], _ENGINE_TIMEOUT)
        if status == 0:
            return _only_digest(output)
        if "no such image" in output.lower():
            return None
        raise Problem("docker cannot tell about the image %s. It says: %s" % (reference, sentence(_end(output))))

    def build(self, params: t.Mapping[str, t.Any], reference: str) -> None:
        """Build an image from a folder and give it a name."""
        arguments = ["build", "--file", dockerfile(params), "--tag", reference]
        for name, value in sorted((params["build_args"] or {}).items()):
            arguments += ["--build-arg", "%s=%s" % (name, value)]
        for option in ("target", "platform"):
            if params[option]:
                arguments += ["--" + option, params[option]]
        status, output = self._run(arguments + [params["context"]], self._build_timeout)
        if status:
            raise Problem("The image could not be built from %s. The end of what docker says:\n%s" % (params["context"], _end(output, 20)))

    def tag(self, image: str, reference: str) -> None:
        status, output = self._run(["tag", image, reference], _ENGINE_TIMEOUT)
        if status:
            raise Problem("docker cannot give %s the name %s. It says: %s" % (image, reference, sentence(_end(output))))

    def push(self, reference: str, password: str) -> str:
        """Push an image with a login of its own, which is gone afterwards, and return the digest that the registry gave it."""
        self._keep_secret(password)
        host = reference.partition("/")[0]
        with _login_folder(host) as (folder, lock):
            status, output = self._run(
                ["login", "--username", "AWS", "--password-stdin", host], _ENGINE_TIMEOUT, folder, text=password, pass_fds=(lock,)
            )
            if status:
                raise Problem("docker cannot log in to %s. It says: %s" % (host, sentence(_end(output))))
            status, output = self._run(["push", reference], self._push_timeout, folder, pass_fds=(lock,))
        if status:
            hint = " The login has expired meanwhile; run again." if "token has expired" in output else " Layers that arrived are kept, so run again."
            raise Problem("%s could not be pushed. docker says: %s%s" % (reference, sentence(_end(output)), hint))
        digests = re.findall(r"digest: (sha256:[0-9a-f]{64})", output)
        if not digests:
            raise Problem("docker ended the push of %s without naming a digest. It says: %s" % (reference, sentence(_end(output))))
        return str(digests[-1])


@contextlib.contextmanager
def _login_folder(host: str) -> t.Iterator[tuple[str, int]]:
    """A private folder for docker's configuration, in memory where there is such a place, and a lock that says it is in use.

    Only the user's choice of an engine is taken over, never his logins; folders that killed runs left behind are removed.
    """
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else tempfile.gettempdir()  # noqa: S108
    _sweep(parent)
    own = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    # An entry for the registry keeps docker from putting the login into a keyring, where it would stay.
    config: dict[str, t.Any] = {"auths": {host: {}}}
    with contextlib.suppress(OSError, ValueError, AttributeError):
        with open(os.path.join(own, "config.json"), encoding="utf-8") as file:
            context = json.load(file).get("currentContext")
        if context:
            config["currentContext"] = context
    folder = tempfile.mkdtemp(prefix=_SCRATCH, dir=parent)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        if "currentContext" in config:
            os.symlink(os.path.join(own, "contexts"), os.path.join(folder, "contexts"))
        yield folder, lock
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(parent: str) -> None:
    for name in sorted(os.listdir(parent)):
        path = os.path.join(parent, name)
        with contextlib.suppress(OSError):
            if not name.startswith(_SCRATCH) or os.lstat(path).st_uid != os.geteuid():
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(descriptor)


def _only_digest(output: str) -> str:
    digests = _DIGEST.findall(output)
    if len(digests) != 1:
        raise Problem("docker does not tell the id of the image. It says: %s" % sentence(_end(output)))
    return str(digests[0])


def _end(output: str, lines: int = 3) -> str:
    """The last lines of a program's output, without those that a terminal overwrites."""
    kept = [line.rpartition("\r")[2].rstrip() for line in output.splitlines()]
    return "\n".join([line for line in kept if line][-lines:]) or "nothing"
