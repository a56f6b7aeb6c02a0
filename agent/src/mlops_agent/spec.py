# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of one served model, as requested and as stored."""

from __future__ import annotations

import hashlib
import json
import typing as t
from datetime import datetime, timedelta, timezone

from . import rules

if t.TYPE_CHECKING:
    from .config import Surroundings

    class Options(t.TypedDict, total=False):
        """What a request said, checked, besides the model URI."""

        port: int
        workers: int
        memory_mb: int
        startup_timeout: int
        probe: rules.Row | None
        follow: bool

#: What a request may say besides the model URI, with the rule for each.
OPTIONS: dict[str, t.Callable[[object], object]] = {
    "port": rules.port,
    "workers": rules.workers,
    "memory_mb": rules.memory_mb,
    "startup_timeout": rules.startup_timeout,
    "probe": rules.probe,
    "follow": rules.boolean,
}

#: What earlier releases did not store.
NEW_FIELDS = {"follow": False, "slot": None}

PRESENT, ABSENT = "present", "absent"


class Spec(t.NamedTuple):
    """The desired state of one deployment. Instances are never changed, only replaced.

    memory_mb is in MiB, startup_timeout in seconds; resolved_uri names a fixed version where
    model_uri may name a stage; source tells two registrations of the same version apart.

    A deployment that follows its stage, or did so once, is served by a run of its own, NAME.a or
    NAME.b, which is a Spec too; slot says by which, None before the first is ready.
    """

    name: str
    model_uri: str
    resolved_uri: str
    source: str
    port: int
    workers: int
    memory_mb: int
    startup_timeout: int
    probe: rules.Row | None
    follow: bool
    slot: str | None
    desired: str
    updated_at: str

    @classmethod
    def from_stored(cls, document: object, roots: t.Sequence[str] = ()) -> Spec:
        """Read back what as_stored wrote, checked as strictly as a request. Raises rules.Invalid."""
        if isinstance(document, dict):
            document = dict(NEW_FIELDS, **document)
        if not isinstance(document, dict) or sorted(document) != sorted(cls._fields):
            raise rules.Invalid("The stored deployment does not have exactly the expected fields.")
        rules.instance_name(document["name"])
        if document["slot"] not in (None,) + rules.SLOTS:
            raise rules.Invalid("The stored deployment names no slot of ours.")
        rules.model_uri(document["model_uri"], roots)
        rules.model_uri(document["resolved_uri"], roots)
        for option, rule in OPTIONS.items():
            rule(document[option])
        if document["desired"] not in (PRESENT, ABSENT):
            raise rules.Invalid("The stored deployment is neither present nor absent.")
        for text in ("source", "updated_at"):
            if not isinstance(document[text], str):
                raise rules.Invalid("The stored deployment's {} is not a text.".format(text))
        return cls(**document)

    @property
    def is_slot(self) -> bool:
        """Whether this is a run of a following deployment rather than a deployment."""
        return "." in self.name

    @property
    def is_behind_a_port(self) -> bool:
        """Whether its port is held by systemd, before the run that serves."""
        return self.follow or self.slot is not None

    def in_slot(self, slot: str, port: int) -> Spec:
        """The run of this deployment in a slot, on a port of its own."""
        return self._replace(name=rules.slot_name(self.name, slot), port=port, follow=False, slot=None)

    def serves(self, deployment: Spec) -> bool:
        """Whether this run is what a deployment wants, apart from the row by which it is probed."""
        wanted = deployment.in_slot(self.name[-1], self.port)._replace(probe=self.probe)
        return self.same_as(wanted)

    @property
    def request_timeout(self) -> int:
        """Seconds after which the model's server ends a request."""
        return max(60, self.startup_timeout)

    def address(self, model_address: str) -> str:
        """Where it listens: only this host talks to a run behind a port."""
        return "127.0.0.1" if self.is_slot else model_address

    def as_stored(self) -> dict[str, object]:
        return dict(self._asdict())

    def same_as(self, other: Spec) -> bool:
        """Whether both want the same, however old each is."""
        return self == other._replace(updated_at=self.updated_at)

    def digest(self, memory_mb: int, address: str, surroundings: Surroundings) -> str:
        """A digest of all that needs a restart of the model when it changes: "REQUEST.HOST".

        The first half is what the deployment asks for, the second what the host's settings give to every model.
        The agent gives what is wanted, the launcher what it found: memory_mb is the unit's limit,
        address where deployments listen, surroundings what config.surroundings returns.
        """
        request = [self.resolved_uri, self.source, self.port, self.workers, self.startup_timeout, memory_mb]
        return "{}.{}".format(_sha256(request), _sha256([self.address(address), surroundings]))

    def artifact_key(self) -> str:
        """The name of the directory in which this very model version is cached."""
        return _sha256([self.resolved_uri, self.source])[:16]


def ask_the_same(digest: str, other: str) -> bool:
    """Whether two digests are of runs that the same request led to, whatever the settings of the host were."""
    return digest.partition(".")[0] == other.partition(".")[0]


def checked_request(body: object, roots: t.Sequence[str]) -> tuple[rules.ModelUri, Options]:
    """Check a request for a deployment. Returns (ModelUri, options given). Raises rules.Invalid."""
    if not isinstance(body, dict):
        raise rules.Invalid("The request body must be a JSON object.")
    unknown = sorted(set(body) - set(OPTIONS) - {"model_uri"})
    if unknown:
        raise rules.Invalid(
            "Unknown field {}: the known ones are model_uri, {}.".format(
                ", ".join(rules.shown(field) for field in unknown), ", ".join(sorted(OPTIONS))
            )
        )
    if "model_uri" not in body:
        raise rules.Invalid("The field model_uri is missing.")
    uri = rules.model_uri(body["model_uri"], roots)
    # A null leaves the field out, except that a null probe takes the stored probe away.
    options = {
        option: OPTIONS[option](body[option])
        for option in OPTIONS
        if option in body and (body[option] is not None or option == "probe")
    }
    return uri, t.cast("Options", options)  # by its rule each is of its type


def now(ahead: float = 0) -> str:
    """The time so many seconds ahead, as RFC 3339 has it, in UTC and whole seconds."""
    return (datetime.now(timezone.utc) + timedelta(seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(parts: t.Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
