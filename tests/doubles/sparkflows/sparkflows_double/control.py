# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test may ask of the double: counters, switches of how it answers, and faults."""

from __future__ import annotations

import dataclasses
import threading
import typing as t
from collections import Counter

#: Requests that log in change nothing that an admin would call a change.
LOGINS = ("/login", "/oauth/token")


class Refused(ValueError):
    """What was asked of the double is not possible; the text is a sentence."""


@dataclasses.dataclass
class Switches:
    """How the double answers where the documentation leaves that open, or where releases differ.

    They are kept with its state, so they outlive a restart.
    """

    get_shape: str = "wrapped"  # wrapped | flat | grouped
    post_reply: str = "flat"  # flat | wrapped | empty | text
    unknown_names: str = "ignore"  # ignore | create | refuse
    id_required: bool = False
    mask_secrets: bool = False
    mask: str | None = "******"
    spelling: str = "as_sent"  # as_sent | slash | trimmed | blanks | capital | digit | point | small
    on_save_others: str = "keep"  # keep | drop | blank
    join_host_and_port: bool = False
    titles: dict[str, str] = dataclasses.field(default_factory=dict)
    hidden: list[str] = dataclasses.field(default_factory=list)
    extra_fields: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    configurations_manage: bool = True
    reading_needs_permission: bool = True
    unauthenticated: str = "mixed"  # mixed | redirect | status | forbidden | error_body | null | nothing | page | text
    session_in_redirects: bool = False
    token_auth: str = "flags"  # flags | allowed | refused
    token_description_mandatory: bool = False
    token_status: int = 200
    oauth: bool = True
    oauth_expires_in: int = 28800
    one_oauth_token_per_user: bool = False
    health_path: str = "new"  # new | old | both
    release_info: dict[str, t.Any] | None = None
    release_info_public: bool = False
    import_field: str = "file[]"  # file[] | file
    other_field: str = "refuse"  # refuse | ignore: what happens to an import under another name
    import_reply: str = "counts"  # counts | error | success_false | failed | silent; with all but the first nothing is imported
    import_keeps: str = "file"  # file | reshaped: another form of the file's nodes
    look_up: str = "right"  # right | another | zeroed | error | nothing
    start_reply: str = "id"  # id | error_with_id | object
    results_shape: str = "json"  # json | csv | html | missing
    status_shape: str = "text"  # text | code | object
    encoding: str = "utf-8"  # utf-8 | utf-8-sig | utf-16 | iso-8859-1: of each JSON answer

    CHOICES: t.ClassVar[dict[str, tuple[str, ...]]] = {
        "get_shape": ("wrapped", "flat", "grouped"),
        "post_reply": ("flat", "wrapped", "empty", "text"),
        "spelling": ("as_sent", "slash", "trimmed", "blanks", "capital", "digit", "point", "small"),
        "on_save_others": ("keep", "drop", "blank"),
        "unknown_names": ("ignore", "create", "refuse"),
        "unauthenticated": ("mixed", "redirect", "status", "forbidden", "error_body", "null", "nothing", "page", "text"),
        "token_auth": ("flags", "allowed", "refused"),
        "health_path": ("new", "old", "both"),
        "import_field": ("file[]", "file"),
        "other_field": ("refuse", "ignore"),
        "import_reply": ("counts", "error", "success_false", "failed", "silent"),
        "import_keeps": ("file", "reshaped"),
        "look_up": ("right", "another", "zeroed", "error", "nothing"),
        "start_reply": ("id", "error_with_id", "object"),
        "results_shape": ("json", "csv", "html", "missing"),
        "status_shape": ("text", "code", "object"),
        "encoding": ("utf-8", "utf-8-sig", "utf-16", "iso-8859-1"),
    }


@dataclasses.dataclass
class Answer:
    """A fault for the next requests that fit: `answer` is a status, or one of the words below.

    With drop_answer and lost_504 the request is carried out and only its answer is lost. `times` of None means from now on.
    `body` and `headers` belong to an `answer` that is a status.
    """

    answer: int | str
    times: int | None = 1
    path: str = "/"
    method: str = ""
    skip: int = 0
    body: str | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    WORDS: t.ClassVar[tuple[str, ...]] = (
        "drop", "drop_answer", "lost_504", "hang", "html", "login_page", "redirect", "drip", "deep", "cut_gzip", "empty", "null",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.answer not in self.WORDS and not (isinstance(self.answer, int) and 200 <= self.answer <= 599):
            raise Refused("answer is %r; it must be a status from 200 to 599 or one of %s." % (self.answer, ", ".join(self.WORDS)))
        if self.answer == 200 and self.body is None:
            raise Refused("answer is 200, which needs a body.")

    def applies(self, method: str, path: str) -> bool:
        """Whether this request is to fail; it counts as one of the times then."""
        if not path.startswith(self.path) or (self.method and self.method != method) or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times:
            self.times -= 1
        return True


@dataclasses.dataclass
class OtherAdmin:
    """Another admin saves `values` once, `after` somebody else's next "read" or "save"."""

    values: dict[str, str]
    after: str = "read"

    def __post_init__(self) -> None:
        if self.after not in ("read", "save"):
            raise Refused("after is %r; it must be read or save." % self.after)


@dataclasses.dataclass
class Faults:
    """What goes wrong from now on. They live in memory, and a restart in place keeps them."""

    slow_start: float = 0  # seconds during which nothing listens after a restart
    delay: float = 0  # seconds before each answer
    answers: list[Answer] = dataclasses.field(default_factory=list)
    other_admin: OtherAdmin | None = None
    lose: list[str] = dataclasses.field(default_factory=list)  # settings that are said to be saved and are not
    break_download: int | None = None  # the next download ends after so many bytes


class Control:
    """Counters and faults; safe to use from several threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.faults = Faults()
        self.starts = 0
        self.reset_counters()

    def reset_counters(self) -> None:
        with self.lock:
            self.by_path: Counter[str] = Counter()
            self.writes = 0

    def count(self, method: str, path: str) -> None:
        with self.lock:
            self.by_path["%s %s" % (method, path)] += 1
            self.writes += method not in ("GET", "HEAD", "OPTIONS") and path not in LOGINS

    def counters(self) -> dict[str, t.Any]:
        """`requests` (logins too), `writes` (without logins) and `by_path`, such as {"GET /healthcheck": 2}."""
        with self.lock:
            return {"requests": sum(self.by_path.values()), "writes": self.writes, "by_path": dict(self.by_path), "starts": self.starts}

    def fault_for(self, method: str, path: str) -> Answer | None:
        """What is to go wrong with this request, if anything."""
        with self.lock:
            return next((rule for rule in self.faults.answers if rule.applies(method, path)), None)

    def set_faults(self, **wanted: t.Any) -> None:
        """Replace all faults; what is not named goes right again."""
        _known(Faults, wanted)
        wanted["answers"] = [rule if isinstance(rule, Answer) else Answer(**_known(Answer, rule)) for rule in wanted.get("answers", [])]
        if isinstance(wanted.get("other_admin"), dict):
            wanted["other_admin"] = OtherAdmin(**_known(OtherAdmin, wanted["other_admin"]))
        with self.lock:
            self.faults = Faults(**wanted)


def changed_switches(now: Switches, wanted: dict[str, t.Any]) -> Switches:
    """The switches with those of `wanted` set; `Refused` for a name or value that there is not."""
    for name, value in _known(Switches, wanted).items():
        choices = Switches.CHOICES.get(name)
        if choices and value not in choices:
            raise Refused("%s is %r; it must be one of %s." % (name, value, ", ".join(choices)))
    return dataclasses.replace(now, **wanted)


def _known(kind: t.Any, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    names = [field.name for field in dataclasses.fields(kind)]
    for name in wanted:
        if name not in names:
            raise Refused("There is no %s; there are %s." % (name, ", ".join(names)))
    return wanted
