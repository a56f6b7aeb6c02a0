# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP interface; openapi.json beside this file describes it."""

from __future__ import annotations

import asyncio
import errno
import hmac
import json
import logging
import os
import re
import socket
import typing as t

from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from . import __version__, config as settings
from . import metrics, rules
from .listener import mark_busy
from .ports import PortTaken
from .registry import RegistryError, RegistryUnreachable
from .spec import ABSENT, PRESENT, Spec, checked_request, now
from .store import NotStored
from .runs import measured
from .units import HelperError, Units
from .watcher import FAILED, READY

if t.TYPE_CHECKING:
    from types import TracebackType

    from .ports import Ports
    from .reconciler import Reconciler
    from .registry import Registry
    from .store import Store

    class Description(t.TypedDict):
        """A deployment as a client sees it; openapi.json says what each field means."""

        name: str
        model_uri: str
        resolved_uri: str
        port: int
        workers: int
        memory_mb: int
        startup_timeout: int
        probe: rules.Row | None
        follow: bool
        updated_at: str
        state: str
        message: str
        since: str
        up_to_date: bool
        next_try: str | None
        url: str
        flavors: list[str]
        restarts: int
        log: list[str]

    class Removed(t.TypedDict):
        """What is left to say of a deployment that no usable file described."""

        name: str
        state: str
        message: str

    class Tracking(t.TypedDict):
        """What the tracking server looked like last; status is "ok", "unknown" or that of a RegistryUnreachable."""

        status: str
        message: str

LOG = logging.getLogger(__name__)

#: Codes for errors that tornado itself raises.
ERROR_CODES = {400: "bad_request", 401: "unauthorized", 404: "not_found", 405: "method_not_allowed",
               413: "body_too_large", 500: "internal"}

#: Seconds between two looks at the tracking server, and when the last one found a fault.
TRACKING_INTERVAL = 30
TRACKING_RETRY = 5

#: Seconds that figures wait for the helper at most: Prometheus gives up after 10, unless it is told otherwise.
SCRAPE_SECONDS = 3

#: Digits of a whole number in a request: int() takes quadratic time.
DIGITS_LIMIT = 100

NAME = "([^/]+)"


class ApiError(Exception):
    """An answer other than success: HTTP status, a code for programs and a sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Agent:
    """What the handlers work on."""

    def __init__(
        self, config: settings.Config, secrets: settings.Secrets, store: Store, reconciler: Reconciler,
        registry: Registry, units: Units, ports: Ports,
    ) -> None:
        self.config = config
        self.token = secrets.token.encode()
        self.store = store
        self.reconciler = reconciler
        self.registry = registry
        self.units = units
        self.ports = ports
        self.tracking: Tracking = {"status": "unknown", "message": "The tracking server has not been asked yet."}
        self.figures = metrics.Figures()
        self._impatient = Units(config.helper_socket, timeout=SCRAPE_SECONDS)

    async def watch_tracking(self) -> None:
        """Look at the tracking server for ever. Served models do not need it, so nothing follows from what is seen."""
        while True:
            seen: Tracking = {"status": "ok", "message": ""}
            try:
                await self.registry.check()
            except RegistryUnreachable as error:
                seen = {"status": error.status, "message": str(error)}
            if seen["status"] not in ("ok", self.tracking["status"]):
                LOG.warning("%s", seen["message"])
            self.tracking = seen
            await asyncio.sleep(TRACKING_INTERVAL if seen["status"] == "ok" else TRACKING_RETRY)

    async def seen(self) -> metrics.Seen:
        """What the figures are made of, as of now."""
        runs = await measured(self.reconciler, self._impatient, self.config.runtime_directory)
        return metrics.Seen([self.describe(spec) for spec in self.store.deployments()], runs, self.tracking["status"] == "ok")

    async def deploy(self, name: str, body: object) -> tuple[Spec, bool]:
        """Store what a PUT asks for. Returns (spec, whether the deployment is new)."""
        uri, options = checked_request(body, self.config.model_roots)
        resolved = await self.registry.resolve(uri)
        rules.model_uri(resolved.uri, self.config.model_roots)
        async with self.reconciler.changing:
            stored = self.store.get(name)
            if stored is not None and stored.desired == ABSENT:
                raise ApiError(409, "being_removed", "The deployment {} is being removed: try again later.".format(name))
            rules.follows(uri, options.get("follow", stored is not None and stored.follow))
            own = stored.port if stored else None
            taken = {spec.port: rules.deployment_of(spec.name) for spec in self.store if spec.name != name}
            options["port"] = await self.ports.choose(options.get("port", own), taken, own)
            kept = stored or Spec(
                name=name, model_uri=uri.text, resolved_uri=resolved.uri, source=resolved.source, port=options["port"],
                workers=self.config.workers, memory_mb=self.config.memory_mb, startup_timeout=self.config.startup_timeout,
                probe=None, follow=False, slot=None, desired=PRESENT, updated_at=now(),
            )
            spec = kept._replace(
                model_uri=uri.text, resolved_uri=resolved.uri, source=resolved.source, updated_at=now(), **options
            )
            failed = stored is not None and self.reconciler.supervisor(name).verdict()[0] == FAILED
            await self._check_probe(stored, spec)
            if stored is None or failed or not spec.same_as(stored):
                self.store.put(spec)
                self.reconciler.changed(name)
            return self.store[name], stored is None

    async def _check_probe(self, stored: Spec | None, spec: Spec) -> None:
        """Refuse another probe for a model that serves and goes on serving, when the model does not score it."""
        if stored is None or spec.probe is None or spec.probe == stored.probe:
            return
        if not spec._replace(probe=stored.probe).same_as(stored):
            return
        supervisor = self.reconciler.supervisor(spec.name)
        if supervisor.verdict()[0] != READY:
            return
        problem = await supervisor.problem_with(spec, spec.probe)
        if problem is not None:
            raise ApiError(422, "probe_refused", "The probe stays as it was, since the model does not score the new one. {}".format(problem))

    async def undeploy(self, name: str) -> Description | Removed:
        """Remove a deployment; returns its last description."""
        async with self.reconciler.changing:
            spec = self.store.get(name)
            if spec is None:
                return await self._undeploy_unmanaged(name)
            if spec.desired != ABSENT:
                self.store.put(spec._replace(desired=ABSENT, updated_at=now()))
                self.reconciler.changed(name)
            gone, removed = self.describe(spec), self.reconciler.supervisor(name).removed
        try:
            await asyncio.wait_for(removed.wait(), 60)
        except asyncio.TimeoutError:
            raise ApiError(503, "not_removed_yet", "The deployment {} is still being removed. {}".format(
                name, self.reconciler.supervisor(name).verdict()[1]
            ))
        gone["state"], gone["message"], gone["log"] = "removed", "", []
        return gone

    async def _undeploy_unmanaged(self, name: str) -> Removed:
        unmanaged = await self.reconciler.unmanaged()
        if name not in unmanaged:
            raise _no_such(name)
        await self.reconciler.remove_unmanaged(name)
        return {"name": name, "state": "removed", "message": unmanaged[name]}

    async def existing(self, name: str) -> Spec:
        """The stored deployment. Raises ApiError for one that is not there, or that no usable file describes."""
        spec = self.store.get(name)
        if spec is None:
            unmanaged = await self.reconciler.unmanaged()
            if name in unmanaged:
                raise ApiError(409, "unmanaged", "{} Nobody watches over the deployment {}: PUT it again, or DELETE it.".format(
                    unmanaged[name], name
                ))
            raise _no_such(name)
        return spec

    def describe(self, spec: Spec) -> Description:
        supervisor = self.reconciler.supervisor(spec.name)
        state, message = supervisor.verdict()
        return {
            "name": spec.name, "model_uri": spec.model_uri, "resolved_uri": supervisor.served(spec).resolved_uri,
            "port": spec.port, "workers": spec.workers, "memory_mb": spec.memory_mb,
            "startup_timeout": spec.startup_timeout, "probe": spec.probe, "follow": spec.follow,
            "updated_at": spec.updated_at, "state": state, "message": message, "since": supervisor.since,
            "up_to_date": supervisor.up_to_date(spec), "next_try": supervisor.next_try(), "url": self._url(spec.port), "flavors": supervisor.flavors,
            "restarts": supervisor.restarts, "log": supervisor.log if state == FAILED else [],
        }

    def _url(self, port: int) -> str:
        host = self.config.model_url_host
        if not host:
            address = self.config.model_address
            host = address if settings.loopback_for(address) == address else socket.gethostname()
        return settings.url(host, port)


def _no_such(name: str) -> ApiError:
    return ApiError(404, "not_found", "There is no deployment {}.".format(name))


@stream_request_body
class Handler(RequestHandler):
    """Token, body limit and JSON errors for every path."""

    public = False
    SUPPORTED_METHODS = metrics.METHODS

    def initialize(self, agent: Agent) -> None:
        self.agent = agent
        self._body = bytearray()
        self._body_too_large = False

    def set_default_headers(self) -> None:
        self.set_header("Server", "mlops-agent")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        if not self.public:
            self._check_token()
            mark_busy(self.request)
        if int(self.request.headers.get("Content-Length") or 0) > self.agent.config.body_limit:
            raise self._too_large()

    def _check_token(self) -> None:
        scheme, dummy, token = self.request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        if not (hmac.compare_digest(given, self.agent.token) and scheme.lower() == "bearer"):
            raise ApiError(
                401, "unauthorized", "The request needs the header 'Authorization: Bearer TOKEN' with this agent's token."
            )

    def data_received(self, chunk: bytes) -> None:
        # The rest of too large a body is read and dropped, so that the answer can be read.
        if not self._body_too_large:
            self._body += chunk
            self._body_too_large = len(self._body) > self.agent.config.body_limit

    def _too_large(self) -> ApiError:
        return ApiError(413, "body_too_large", "The request body is larger than {} bytes.".format(
            self.agent.config.body_limit
        ))

    def json_body(self) -> object:
        if self._body_too_large:
            raise self._too_large()
        try:
            return json.loads(bytes(self._body).decode("utf-8"), parse_constant=_no_number, parse_int=_whole_number)
        except (ValueError, RecursionError):
            raise ApiError(400, "bad_json", "The request body is not JSON.")

    def answer(self, document: object, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(document) + "\n")

    def write_error(self, status_code: int, **kwargs: t.Any) -> None:
        error = _as_api_error(kwargs.get("exc_info", (None, None, None))[1])
        if error is None:
            path = rules.shown(self.request.path)
            message = {
                404: "There is nothing at {}.".format(path),
                405: "{} does not take the method {}.".format(path, self.request.method),
                500: "The agent could not do this; its journal has the details.",
            }.get(status_code, "The request cannot be understood.")
            error = ApiError(status_code, ERROR_CODES.get(status_code, "bad_request"), message)
        if status_code == 405:
            self.set_header("Allow", ", ".join(self._allowed()))
        if error.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.answer({"error": {"code": error.code, "message": error.message}}, error.status)

    def _allowed(self) -> list[str]:
        return [method for method in self.SUPPORTED_METHODS
                if getattr(type(self), method.lower()) is not getattr(RequestHandler, method.lower())]

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if not isinstance(value, HTTPError) and _as_api_error(value) is None:
            LOG.error("%s %s failed", self.request.method, self.request.path, exc_info=value)

    def on_finish(self) -> None:
        self.agent.figures.count(self.request.method or "", self.get_status())


def _as_api_error(error: BaseException | None) -> ApiError | None:
    """The answer for an error of the layers below, or None when it is none of theirs."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, rules.Invalid):
        return ApiError(422, "invalid", str(error))
    if isinstance(error, PortTaken):
        return ApiError(409, "port_taken", str(error))
    if isinstance(error, RegistryError):
        missing = error.code == "RESOURCE_DOES_NOT_EXIST"
        return ApiError(422, "model_not_found" if missing else "refused_by_registry", str(error))
    if isinstance(error, RegistryUnreachable):
        return ApiError(503, "registry_unreachable", str(error))
    if isinstance(error, HelperError):
        return ApiError(503, "helper_unreachable", str(error))
    if isinstance(error, NotStored):
        return ApiError(507 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 500, "not_stored", str(error))
    return None


def _no_number(name: str) -> t.NoReturn:
    raise ValueError(name + " is not a number in JSON")


def _whole_number(digits: str) -> int:
    if len(digits) > DIGITS_LIMIT:
        raise ValueError("A number has too many digits")
    return int(digits)


class NotFound(Handler):
    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404)


class HealthPage(Handler):
    public = True

    def get(self) -> None:
        self.answer({"status": "ok", "version": __version__, "tracking": self.agent.tracking})


class TrackingPage(Handler):
    public = True

    def get(self) -> None:
        self.answer(self.agent.tracking, 200 if self.agent.tracking["status"] == "ok" else 503)


class OpenApi(Handler):
    def get(self) -> None:
        with open(os.path.join(os.path.dirname(__file__), "openapi.json"), encoding="utf-8") as stream:
            self.answer(json.load(stream))


class Metrics(Handler):
    async def get(self) -> None:
        text = self.agent.figures.text(await self.agent.seen())
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.finish(text)


class Deployments(Handler):
    async def get(self) -> None:
        unmanaged = await self.agent.reconciler.unmanaged()
        self.answer({
            "deployments": [self.agent.describe(spec) for spec in self.agent.store.deployments()],
            "unmanaged": [{"name": name, "message": unmanaged[name]} for name in sorted(unmanaged)],
        })


class Deployment(Handler):
    async def get(self, name: str) -> None:
        self.answer(self.agent.describe(await self.agent.existing(rules.deployment_name(name))))

    async def put(self, name: str) -> None:
        spec, is_new = await self.agent.deploy(rules.deployment_name(name), self.json_body())
        self.answer(self.agent.describe(spec), 201 if is_new else 200)

    async def delete(self, name: str) -> None:
        self.answer(await self.agent.undeploy(rules.deployment_name(name)))


class DeploymentLogs(Handler):
    async def get(self, name: str) -> None:
        spec = await self.agent.existing(rules.deployment_name(name))
        asked = self.get_query_argument("lines", "100") or ""
        lines = rules.whole_number(int(asked) if re.fullmatch("[0-9]{1,6}", asked) else asked, "number of lines", 1, 1000)
        self.answer({"lines": await self.agent.units.logs(self.agent.reconciler.supervisor(spec.name).unit, lines)})


class ModelVersions(Handler):
    async def post(self, name: str) -> None:
        rules.registered_model_name(name)
        body = _fields(self.json_body(), "source", "run_id", "description")
        uri = rules.model_uri(body.get("source"), self.agent.config.model_roots)
        version, is_new = await self.agent.registry.register(
            name, uri, _text(body.get("run_id")), _text(body.get("description"))
        )
        self.answer(version._asdict(), 201 if is_new else 200)


class ModelStage(Handler):
    async def post(self, name: str, version: str) -> None:
        rules.registered_model_name(name)
        body = _fields(self.json_body(), "stage", "archive_existing")
        archive = body.get("archive_existing", False)
        if not isinstance(archive, bool):
            raise rules.Invalid("The field archive_existing must be true or false.")
        promoted = await self.agent.registry.promote(
            name, rules.model_version(version), rules.stage(body.get("stage")), archive
        )
        self.answer(promoted._asdict())


def _fields(body: object, *known: str) -> dict[str, object]:
    if not isinstance(body, dict):
        raise rules.Invalid("The request body must be a JSON object.")
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise rules.Invalid("Unknown field {}: the known ones are {}.".format(
            ", ".join(map(rules.shown, unknown)), ", ".join(known)
        ))
    for key, value in body.items():
        if key != "archive_existing" and value is not None and not isinstance(value, str):
            raise rules.Invalid("The field {} must be a text.".format(key))
    return body


def _text(field: object) -> str:
    """A field of _fields that may be left out or null."""
    return field if isinstance(field, str) else ""


def _log(handler: RequestHandler) -> None:
    """Write down what went wrong here. Never the query: there are clients that put a token into it."""
    if handler.get_status() >= 500:
        LOG.warning("%s %s was answered with status %d", handler.request.method, handler.request.path, handler.get_status())


def application(agent: Agent) -> Application:
    """The tornado application for an Agent."""
    shared = {"agent": agent}
    routes = [
        ("/health", HealthPage),
        ("/health/tracking", TrackingPage),
        ("/metrics", Metrics),
        ("/openapi.json", OpenApi),
        ("/api/v1/deployments", Deployments),
        ("/api/v1/deployments/" + NAME, Deployment),
        ("/api/v1/deployments/" + NAME + "/logs", DeploymentLogs),
        ("/api/v1/models/" + NAME + "/versions", ModelVersions),
        ("/api/v1/models/" + NAME + "/versions/" + NAME + "/stage", ModelStage),
    ]
    return Application(
        [(path, handler, shared) for path, handler in routes],
        default_handler_class=NotFound, default_handler_args=shared, log_function=_log,
    )
