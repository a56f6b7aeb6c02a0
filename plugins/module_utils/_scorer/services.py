# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Scorers in containers, and what the module scorer_services does.

A service is replaced blue/green: the new container answers at a port of the loopback of its own, and has scored a row before the proxy
sends it requests; the old one ends when no request is under way to it any more. What is known of a service is written down before the
proxy is told, so that a run that was interrupted anywhere is completed by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import socket
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import make_folder, remove
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Client, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import scoring
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import containers, models, options
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.engine import Docker, parse_reference
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.images import CERTIFICATES, Image, Images, fitting_release
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.known import Difference, State, label, settings_that_differ
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.proxy import Front, Proxy

LABEL = "sparkflows-mlops.scorer"
_SPEC, _BACKEND = LABEL + ".settings", LABEL + ".backend"
_LATER = "known after it was fetched"
_ENGINE = "docker.service"
# What a container is made of; a difference in one of them makes a new container. Port and probe are not part of it.
_SETTINGS = ("container_port", "model_mount", "environment", "command", "user", "memory_mb", "cpus", "pids", "tmpfs", "health_command")


class Wanted(t.NamedTuple):
    """A service as it should be. ``shown`` is what a diff may show, ``spec`` the digest of all that makes its container."""

    service: dict[str, t.Any]
    image: Image
    model: models.Model
    shown: dict[str, t.Any]
    spec: str

    @property
    def name(self) -> str:
        return str(self.service["name"])

    @property
    def front(self) -> dict[str, t.Any]:
        """What clients have to know. It can change without a new container."""
        return {"port": self.service["port"], "score_path": self.service["score_path"]}


class Unhealthy(Problem):
    """Why a container cannot serve."""


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do what the module `scorer_services` documents and return its result; :class:`Problem` with a sentence."""
    check_params(params)
    if check_mode:
        return _Run(params, True).result()
    make_folder(params["directory"])
    with open(os.path.join(params["directory"], ".lock"), "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = _Run(params, False).result()
    if params["state"] == "absent":
        for name in ("models", "state.json", ".lock"):
            remove(os.path.join(params["directory"], name))
        with contextlib.suppress(OSError):
            os.rmdir(params["directory"])
            os.rmdir(os.path.dirname(params["directory"]))
    return result


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """Refuse what cannot be right without asking anybody: :class:`Problem` with all that is wrong."""
    secret = params["secret_environment"] or {}
    found = [sentence for service in params["services"] for sentence in options.service_problems(service, secret.get(service["name"]))]
    found += options.joint_problems(params["services"], params)
    if params["state"] == "absent":
        found = [sentence for sentence in found if "secret_environment names" not in sentence]
    if found:
        raise Problem(" ".join(found))


def _secret(params: t.Mapping[str, t.Any], name: str) -> dict[str, t.Any]:
    return (params["secret_environment"] or {}).get(name) or {}


class _Run:
    def __init__(self, params: dict[str, t.Any], check_mode: bool) -> None:
        self.params, self.check_mode = params, check_mode
        hidden = [params["registry_password"]] + [str(value) for name in params["secret_environment"] or {} for value in _secret(params, name).values()]
        self.docker = Docker(params["docker_socket"], [secret for secret in hidden if secret])
        self.proxy = Proxy(params["listen_address"], params["request_timeout"])
        self.state = State(params["directory"])
        self.before = self._shown(self.state.active)
        self.notes: list[str] = []
        self.actions: dict[str, str] = {}
        self.seen: dict[str, dict[str, t.Any]] = {}
        self.differences: list[Difference] = []
        # Without an engine a check can only say that everything would come. One that is stopped starts when it is asked, so it is not.
        self.blind = check_mode and (not self.docker.there() or _stopped(_ENGINE))
        self.images = Images(params, self.docker, self.state.pins, check_mode, self.blind)
        self.former_images = {pin["image"] for pin in self.state.pins.values()}
        # What a run that was interrupted has left behind.
        self.leftovers: list[dict[str, t.Any]] = []
        self.unused_models: list[str] = []

    @staticmethod
    def _shown(active: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
        return {name: dict(known["shown"], port=known["port"], score_path=known["score_path"]) for name, known in active.items()}

    def _differs(self, *words: str) -> None:
        self.differences.append(Difference(*words))

    def result(self) -> dict[str, t.Any]:
        if self.params["state"] == "absent":
            return self._absent()
        release = fitting_release(self.params)
        if not self.blind:
            serving = {known["container"] for known in self.state.active.values()}
            self.leftovers = [each for each in self.docker.containers(LABEL) if each["Id"] not in serving]
        self.unused_models = models.surplus(self.params, {service["name"] for service in self.params["services"]})
        self._look_around()
        self.differences += self.images.trust(self.params["services"])
        images = {key: self.images.pinned(*key) for key in sorted({(each["image"], each["image_archive"] or "") for each in self.params["services"]})}
        wanted = [self._wanted(service, images[(service["image"], service["image_archive"] or "")]) for service in self.params["services"]]
        if not self.check_mode:
            self.state.save()
        for want in wanted:
            self._serve(want)
        self._finish(wanted)
        after = {want.name: dict(want.shown, **want.front) for want in wanted}
        return {
            "changed": bool(self.differences),
            "differences": [difference._asdict() for difference in self.differences],
            "release": release,
            "services": [
                {
                    "name": want.name,
                    "port": want.service["port"],
                    "action": self.actions[want.name],
                    "seen": self.seen[want.name],
                    "image": want.service["image"],
                    "digest": want.image.digest,
                    "model": want.model.digest,
                    "container": (self.state.active.get(want.name) or {}).get("container"),
                }
                for want in wanted
            ],
            "removed": [name for name, action in sorted(self.actions.items()) if action == "removed"],
            "moved": self.images.moved,
            "notes": self.images.notes + self.notes,
            "diff": {"before": _text(self.before), "after": _text(after)},
        }

    def _look_around(self) -> None:
        """Tell what is not as the scorers that serve now need it, whatever they are to become."""
        if self.leftovers:
            self._differs("containers that serve nothing", str(len(self.leftovers)), "removed", "A run was interrupted.")
        unserved = [name for name in self.unused_models if name not in self.state.active]
        if unserved:
            self._differs("fetched models", "of %s" % ", ".join(unserved), "removed", "No scorer mounts them.")
        if self.state.exposed():
            self._differs("state.json", "belongs to or is open to others", "closed to others")
        if self.state.active and not self.blind:
            for what, before, after in self.proxy.differing(self._fronts()):
                self._differs("the proxy: %s" % what, before, after)
        elif not self.state.active and not self.params["services"] and self.proxy.present():
            self._differs("the proxy", "present", "removed", "There is no scorer.")

    # Services

    def _wanted(self, service: dict[str, t.Any], image: Image) -> Wanted:
        name = service["name"]
        model = models.fetch(self.params, name, service["model"], self.check_mode)
        known = self.state.active.get(name)
        if model.changed and known and known["shown"]["model_digest"] == model.digest:
            self._differs("%s: its model on the host" % name, "not as it was fetched", "as it was fetched")
        settings = {option: service[option] for option in _SETTINGS}
        shown = dict(settings, image=service["image"], digest=image.digest or _LATER, model=model.source, model_digest=model.digest or _LATER)
        secret = {variable: str(value) for variable, value in _secret(self.params, name).items()}
        shown["secret_environment"] = sorted(secret)
        hidden = ""
        if secret:
            salted = json.dumps(secret, sort_keys=True).encode("utf-8")
            hidden = hashlib.scrypt(salted, salt=bytes.fromhex(self.state.salt), n=1 << 14, r=8, p=1).hex()
        spec = hashlib.sha256(json.dumps([shown, hidden], sort_keys=True).encode("utf-8")).hexdigest()[:24]
        return Wanted(service, image, model, shown, spec)

    def _serve(self, want: Wanted) -> None:
        known = self.state.active.get(want.name)
        found = None if self.blind or not known else self.docker.container(known["container"])
        altered = containers.altered(want.name, known, found, want.model.path) if known and found else []
        seen = self.seen[want.name] = {"state": _standing(self.blind, found), "message": "", "restarts": (found or {}).get("RestartCount")}
        action = "replaced" if known else "created"
        if not known:
            self._differs(want.name, "missing", "served at port %d" % want.service["port"])
        elif self.blind:
            self._differs(want.name, "can't be told", "served", "The docker engine does not run.")
        elif not found:
            self._differs(want.name, "its container is gone", "served")
        elif found["Config"]["Labels"].get(_SPEC) != want.spec:
            self.differences += settings_that_differ(want.name, known["shown"], want.shown)
        elif not found["State"]["Running"]:
            action = "started"
            self._differs(want.name, "stopped", "started")
        elif altered:
            self.differences += altered
        else:
            try:
                self._patiently(want, known["backend"], known["container"], 5)
                action, seen["state"] = "unchanged", "serving"
            except Unhealthy as error:
                seen.update(state="unhealthy", message=str(error))
                self.notes.append("The scorer %s does not answer as it should: %s" % (want.name, error))
                self._differs(want.name, "does not answer as it should", "replaced", str(error))
        self.actions[want.name] = action
        if self.check_mode or action == "unchanged":
            return
        if action == "started" and known:
            self.docker.start(known["container"])
            with contextlib.suppress(Unhealthy):
                self._patiently(want, known["backend"], known["container"], want.service["start_timeout"])
                return
            self.actions[want.name] = "replaced"
        self._replace(want)

    def _replace(self, want: Wanted) -> None:
        service, name = want.service, want.name
        former = self.state.active.get(name)
        if not former:
            self._check_port(service)
        backend = self._free_port()
        container = self._create(want, backend)
        stays = " The former container still serves." if former else ""
        try:
            self.docker.start(container)
            self._patiently(want, backend, container, service["start_timeout"])
        except Problem as error:
            tail = self.docker.log_tail(container)
            self.docker.remove(container, 0)
            raise Problem("The new container of the scorer %s cannot serve: %s%s %s" % (name, error, stays, _tail(tail))) from None
        except BaseException:
            self.docker.remove(container, 0)
            raise
        self.docker.restart_always(container)
        made = containers.made(self.docker.container(container) or {}, want.model.path)
        self.state.active[name] = dict(want.front, container=container, backend=backend, shown=want.shown, made=made)
        self.state.save()
        try:
            self.proxy.apply(self._fronts())
            self._probe(want, service["port"])
        except Problem as error:
            if former:
                self.state.active[name] = former
            else:
                del self.state.active[name]
            self.state.save()
            if self.state.active:
                self.proxy.apply(self._fronts())
            else:
                self.proxy.remove()
            tail = self.docker.log_tail(container)
            self.docker.remove(container, 0)
            raise Problem("The scorer %s could not be switched to its new container: %s%s %s" % (name, error, stays, _tail(tail))) from None
        if former:
            self._retire(name, former)

    def _retire(self, name: str, known: t.Mapping[str, t.Any]) -> None:
        if not self.proxy.drain(known["backend"], self.params["drain_timeout"]):
            self.notes.append("Requests to the former container of the scorer %s did not end within %d seconds." % (name, self.params["drain_timeout"]))
        self.docker.remove(known["container"], self.params["stop_timeout"])

    def _fronts(self) -> list[Front]:
        return [Front(name, known["port"], known["score_path"], known["backend"]) for name, known in sorted(self.state.active.items())]

    def _create(self, want: Wanted, backend: int) -> str:
        environment = dict(want.service["environment"], **_secret(self.params, want.name))
        labels = {LABEL: want.name, _SPEC: want.spec, _BACKEND: str(backend)}
        settings = containers.settings(want.service, want.image.id, want.model.path, environment, labels, backend)
        return self.docker.create("scorer-%s-%s" % (want.name, secrets.token_hex(4)), settings)

    def _check_port(self, service: t.Mapping[str, t.Any]) -> None:
        if any(front.port == service["port"] for front in self._fronts()):
            return  # another service had it and moves
        with contextlib.suppress(OSError):
            if service["name"] in self.proxy.backends():
                return  # it was served before state.json was lost
        if not _free(self.params["listen_address"], service["port"]):
            raise Problem("The port %d of the scorer %s is taken by another program. Stop it, or choose another port." % (service["port"], service["name"]))

    def _free_port(self) -> int:
        taken = {each["Labels"].get(_BACKEND) for each in self.docker.containers(LABEL)}
        first, last = self.params["backend_port_first"], self.params["backend_port_last"]
        for port in range(first, last + 1):
            if str(port) not in taken and _free("127.0.0.1", port):
                return port
        raise Problem("No port from %d to %d is free for a container. Widen backend_port_first and backend_port_last." % (first, last))

    # Health

    def _patiently(self, want: Wanted, port: int, container: str, patience: float) -> None:
        """Wait until a container scores; :class:`Unhealthy` when it has ended, answers wrongly, or is not ready in time."""
        end = time.monotonic() + patience
        while True:
            try:
                self._probe(want, port)
                return
            except Unhealthy as error:
                if str(error).startswith("its answer"):
                    raise
                state = (self.docker.container(container) or {}).get("State") or {}
                if not state.get("Running"):
                    lack = ", for lack of memory" if state.get("OOMKilled") else ""
                    raise Unhealthy("it ended with the exit code %s%s." % (state.get("ExitCode"), lack)) from None
                if time.monotonic() > end:
                    raise Unhealthy("it was not ready within %d seconds: %s" % (patience, error)) from None
            time.sleep(0.3)

    def _probe(self, want: Wanted, port: int) -> None:
        """Ask a container, or the proxy before it, for its health and for the score of the probe's rows."""
        service, probe = want.service, want.service["probe"]
        address = self.params["listen_address"]
        host = "127.0.0.1" if port != service["port"] or address in ("0.0.0.0", "::") else "[%s]" % address if ":" in address else address  # noqa: S104
        client = Client("http://%s:%d" % (host, port), what="it", option="container_port", credentials="the image", retries=0, timeout=30, use_proxy=False)
        try:
            if service["health_path"]:
                client.request("GET", service["health_path"])
            if probe["data"] is None and probe["body"] is None:
                if not service["health_path"]:
                    with contextlib.closing(socket.create_connection(("127.0.0.1", port), 5)):
                        pass
                return
            content_type, body = _request(probe)
            answer = client.request("POST", service["score_path"], body, {"Content-Type": content_type})
            predictions = _predictions(client.decode(answer, "POST", service["score_path"]), probe["predictions"])
        except (HttpError, OSError) as error:
            raise Unhealthy(self.docker.mask(str(error))) from None
        if probe["expected"] is not None:
            found = scoring.mismatch(probe["expected"], predictions, probe["tolerance"])
            if found:
                raise Unhealthy("its answer to the probe is not the expected one: %s." % found)

    # The end of a run

    def _finish(self, wanted: t.Sequence[Wanted]) -> None:
        """Bring the proxy into line, and remove what no service needs any more."""
        names = {want.name: want.front for want in wanted}
        doomed = {name: known for name, known in self.state.active.items() if name not in names}
        for name in doomed:
            self.actions[name] = "removed"
            self._differs(name, "served", "removed", "The inventory does not name it.")
        for name, known in self.state.active.items():
            for what, value in names.get(name, {}).items():
                if known[what] != value:
                    self._differs("%s: %s" % (name, label(what)), str(known[what]), str(value))
        if self.check_mode:
            return
        self.state.active = {name: dict(known, **names[name]) for name, known in self.state.active.items() if name in names}
        images = {service["image"] for service in self.params["services"]}
        self.state.pins = {text: pin for text, pin in self.state.pins.items() if text in images}
        self.state.save()
        if not self.state.active:
            if self.proxy.present():
                self.proxy.remove()
        elif self.proxy.differing(self._fronts()):
            self.proxy.apply(self._fronts())
        for name, known in doomed.items():
            self._retire(name, known)
        for each in self.leftovers:
            self._retire(each["Labels"][LABEL], {"container": each["Id"], "backend": int(each["Labels"].get(_BACKEND, "0"))})
        for name in self.unused_models:
            models.remove_all(self.params, name)
        for want in wanted:
            models.prune(self.params, want.name, want.model)
        for image in sorted(self.former_images - {pin["image"] for pin in self.state.pins.values()}):
            self.docker.remove_image(image)

    def _absent(self) -> dict[str, t.Any]:
        directory = self.params["directory"]
        listed = self.docker.containers(LABEL) if self.docker.there() and not self.blind else []
        for name in sorted({each["Labels"][LABEL] for each in listed} | set(self.state.active)):
            self._differs(name, "served", "removed")
        files = [name for name in ("models", "state.json") if os.path.lexists(os.path.join(directory, name))]
        for what in self.proxy.present() + [os.path.join(directory, name) for name in files]:
            self._differs(what, "present", "removed")
        if not self.check_mode:
            self.proxy.remove()
            for each in listed:
                self.docker.remove(each["Id"], self.params["stop_timeout"])
            for pin in self.state.pins.values():
                if self.docker.there():
                    self.docker.remove_image(pin["image"])
            for registry in sorted({parse_reference(text).registry for text in self.state.pins} - {""}):
                remove(os.path.join(CERTIFICATES, registry, "ca.crt"))
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(CERTIFICATES, registry))
        removed = sorted(self.state.active)
        differences = [difference._asdict() for difference in self.differences]
        return {"changed": bool(differences), "differences": differences, "services": [], "removed": removed, "moved": [], "notes": [], "release": None,
                "diff": {"before": _text(self.before), "after": _text({})}}  # fmt: skip


def _standing(blind: bool, container: t.Optional[t.Mapping[str, t.Any]]) -> str:
    """How a scorer is found, before it is asked anything."""
    if blind:
        return "unknown"
    return "missing" if not container else "running" if container["State"]["Running"] else "stopped"


def _request(probe: t.Mapping[str, t.Any]) -> tuple[str, bytes]:
    """Content type and body of the probe: rows in MLflow's form, or whatever the operator gave."""
    if probe["body"] is not None:
        return "application/json", (probe["body"] if isinstance(probe["body"], str) else json.dumps(probe["body"])).encode("utf-8")
    rows = {"csv": None, "inputs": None, "records": None, "columns": probe["columns"], "data": probe["data"]}
    return scoring.request_body(rows, probe["mlflow_version"])


def _predictions(answer: t.Any, path: t.Optional[str]) -> t.Any:
    """The predictions in an answer: below a path such as ``result.scores``, or where MLflow puts them."""
    if not path:
        return scoring.predictions_of(answer)
    for key in path.split("."):
        if not isinstance(answer, dict) or key not in answer:
            raise Unhealthy("its answer to the probe has no %s." % path)
        answer = answer[key]
    return answer


def _free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Problem("Nothing can listen on port %d of %s: %s" % (port, address, sentence(str(error.strerror)))) from None
            return False
    return True


def _tail(text: str) -> str:
    return "The end of its log:\n%s" % text if text.strip() else "It printed nothing."


def _stopped(unit: str) -> bool:
    """Whether there is this unit of systemd, and it does not run."""
    try:
        output = commands.run(["systemctl", "show", "--property", "LoadState,ActiveState", unit])[1].split()
    except (OSError, commands.TooSlow):
        return False
    return "LoadState=loaded" in output and ("ActiveState=inactive" in output or "ActiveState=failed" in output)


def _text(services: t.Mapping[str, t.Any]) -> str:
    return json.dumps(services, indent=2, sort_keys=True) + "\n" if services else ""
