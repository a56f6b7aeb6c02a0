# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models out of the model repository: each change in check mode, for real, and both again, with the requests counted."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import socket
import stat
import struct
import threading
import urllib.request
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _files as files
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import models
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import repository as models_repository

DEFAULTS = {
    "sparkflows_username": None, "sparkflows_password": None, "sparkflows_auth": "auto", "oauth_client_id": "sparkflows", "oauth_client_secret": None,
    "retries": 2, "retry_delay": 0.0, "rate_limit": None, "validate_certs": True, "ca_path": None, "use_proxy": True, "timeout": 10,
    "model_id": None, "model_uuid": None, "model_name": None, "file_type": "zipDownload", "state": "present", "sha256": None, "root": None,
    "ignore_metadata": [], "force": False, "max_download_mb": 10, "max_unpacked_mb": 10, "max_entries": 100, "owner": None, "group": None, "keep": 2,
}  # fmt: skip
METADATA = "/api/v1/mlmodel/OutputModelsById/%d"
DOWNLOAD = "/api/v1/mlmodel/outputModel/%d/download/zipDownload"


class Make:
    """Runs the module's function on a folder of its own; `Make(check=…, **options)`."""

    def __init__(self, dest, url, token):
        self.dest = dest
        self.defaults = {**DEFAULTS, "dest": str(dest), "sparkflows_url": url, "sparkflows_token": token}

    def __call__(self, check=False, **options):
        return models.run({**self.defaults, **options}, check)

    def tree(self):
        """All that is below the folder, with links and contents, to see that nothing was touched."""
        return sorted(
            (str(path.relative_to(self.dest)), os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None)
            for path in self.dest.rglob("*") if path.name != ".lock"
        )  # fmt: skip

    def read(self, name):
        return (self.dest / "current" / name).read_text()


class Repository:
    """The models of a double. `zip` and `metadata` set what a model is."""

    def __init__(self, double):
        self.double = double

    @property
    def _models(self):
        return self.double.world.store.state["models"]

    def add(self, name, content="one", padding=0):
        body = json.dumps({"name": name, "files": {"MLmodel": "flavors: {}\n", "data/weights": content}, "padding": padding})
        request = urllib.request.Request(self.double.url + "/_double/models", body.encode(), {"Content-Type": "application/json"}, method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def zip(self, number, data):
        (self.double.home / "models" / ("%d.zip" % number)).write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        self.metadata(number, sha256=sha256)
        return sha256

    def metadata(self, number, **fields):
        next(model for model in self._models if model["id"] == number).update(fields)

    def paths(self):
        """What was asked for below the model repository, since the last reset."""
        return {path.replace("/api/v1/mlmodel", ""): count for path, count in self.double.counters()["by_path"].items()}


@pytest.fixture
def repository(sparkflows_double):
    return Repository(sparkflows_double)


@pytest.fixture
def make(tmp_path, sparkflows_double):
    return Make(tmp_path / "opt" / "churn", sparkflows_double.url, sparkflows_double.token)


def make_zip(*members, **contents):
    """A zip file of (name, content, mode) and name=content."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in (*members, *((name, content, 0) for name, content in contents.items())):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def four_steps(make, double, downloads=True, **options):
    """Predict, do, predict again, do again; returns what was predicted and what was done."""
    before = make.tree()
    double.reset_counters()
    predicted = make(check=True, **options)
    assert make.tree() == before
    assert predicted["requests"] == double.counters()["requests"] == (0 if options.get("state") == "absent" else 1)
    double.reset_counters()
    done = make(**options)
    after = make.tree()
    assert predicted["changed"] is done["changed"] is True
    assert done["requests"] == double.counters()["requests"] == predicted["requests"] + downloads
    for check in (True, False):
        double.reset_counters()
        again = make(check=check, **options)
        assert again["changed"] is False
        assert again["requests"] == double.counters()["requests"] == predicted["requests"]
        assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    assert make.tree() == after
    assert double.counters()["writes"] == 0
    return predicted, done


def test_create_modify_delete(make, repository, sparkflows_double):
    added = repository.add("churn", "one")
    predicted, done = four_steps(make, sparkflows_double, model_id=2)
    assert done == {
        "changed": True, "model": {"id": 2, "uuid": added["uuid"], "name": "churn"}, "release": added["sha256"][:12], "sha256": added["sha256"],
        "download_size": added["size"], "files": ["MLmodel", "data/weights"], "path": str(make.dest / "releases" / added["sha256"][:12]),
        "current": str(make.dest / "current"), "previous": None, "downloaded": True, "metadata_changed": [], "requests": 2, "diff": done["diff"],
    }  # fmt: skip
    unknown = dict.fromkeys(("release", "path", "sha256", "download_size", "files"))
    assert {**predicted, "diff": None, "requests": 2} == {**done, **unknown, "diff": None}
    assert predicted["diff"]["before"] == done["diff"]["before"] == ""
    assert re.fullmatch(
        "current -> releases/<digest of the download>\nreleases/<digest of the download> sha256:known after the download\n"
        "model 2 churn, uuid %s, metadata [0-9a-f]{12}\nfiles known after the download\n" % added["uuid"],
        predicted["diff"]["after"],
    )
    assert done["diff"]["after"].splitlines()[:2] == ["current -> releases/%s" % done["release"], "releases/%s sha256:%s" % (done["release"], done["sha256"])]
    assert done["diff"]["after"].splitlines()[3:] == ["current/MLmodel 12 bytes", "current/data/weights 3 bytes"]
    assert os.readlink(make.dest / "current") == "releases/" + done["release"]
    assert make.read("data/weights") == "one"
    assert repository.paths() == {"GET /OutputModelsById/2": 1}

    sha256 = repository.zip(2, make_zip(MLmodel="flavors: {}\n", weights="two"))
    repository.metadata(2, version=2, comment="retrained")
    predicted, changed = four_steps(make, sparkflows_double, model_id=2)
    assert (changed["previous"], changed["release"]) == (done["release"], sha256[:12])
    assert changed["metadata_changed"] == predicted["metadata_changed"] == ["comment", "version"]
    assert changed["diff"]["before"] == done["diff"]["after"] == predicted["diff"]["before"]
    assert "current/weights 3 bytes\n" in changed["diff"]["after"]
    assert make.read("weights") == "two"

    predicted, removed = four_steps(make, sparkflows_double, downloads=False, state="absent", sparkflows_url=None, sparkflows_token=None)
    assert predicted == removed == {"changed": True, "requests": 0, "diff": {"before": changed["diff"]["after"], "after": ""}}
    assert not make.dest.exists()


def test_what_sparkflows_calls_it_does_not_matter(make, repository, sparkflows_double):
    added = repository.add("churn")
    make(model_id=2)
    after = make.tree()
    for option, value, path in (
        ("model_uuid", added["uuid"], "/outputModelByModelUuid/" + added["uuid"]),
        ("model_name", "churn", "/OutputModels"),
    ):
        sparkflows_double.reset_counters()
        assert make(**{option: value})["changed"] is False
        assert repository.paths() == {"GET " + path: 1}
    assert make.tree() == after


def test_unknown_models(make, repository, sparkflows_double):
    url = sparkflows_double.url
    repository.add("churn")
    first, second = repository.add("fraud"), repository.add("fraud")
    for options, sentence in (
        ({"model_id": 9}, "has no model with the id 9. Check model_id, and that its user may see the project."),
        ({"model_uuid": "a/b?c"}, "has no model with the uuid a/b?c. Check model_uuid, and that its user may see the project."),
        (
            {"model_name": "chum"},
            "has no model with the name chum. It shows churn, fraud, model-of-a-double. Check model_name, and that its user may see the project.",
        ),
    ):
        for check in (True, False):
            with pytest.raises(Problem) as error:
                make(check=check, **options)
            assert str(error.value) == "Sparkflows at %s %s" % (url, sentence)
    with pytest.raises(Problem) as error:
        make(model_name="fraud")
    assert str(error.value) == "Several models on Sparkflows at %s have the name fraud: their ids are 3 (uuid %s), 4 (uuid %s). Give one as model_id." % (
        url, first["uuid"], second["uuid"],
    )  # fmt: skip
    assert not make.dest.exists()


@pytest.mark.parametrize(
    ("path", "answer", "options", "outcome"),
    [
        ("OutputModelsById/7", [{"modelId": "7", "modelName": "churn", "runs": [{"a": 1}]}], {"model_id": 7}, {"id": 7, "uuid": None, "name": "churn"}),
        ("OutputModelsById/7", b"", {"model_id": 7}, "has no model with the id 7."),
        ("OutputModelsById/7", {"title": "churn"}, {"model_id": 7}, {"id": 7, "uuid": None, "name": None}),
        ("outputModelByModelUuid/x", {"name": "churn"}, {"model_uuid": "x"}, "tells no id of the model with the uuid x. Give its id as model_id."),
        ("OutputModels", {"total": 1, "content": [{"id": 7, "name": "churn"}]}, {"model_name": "churn"}, {"id": 7, "uuid": None, "name": "churn"}),
        ("OutputModels", b"", {"model_name": "churn"}, "answered GET /api/v1/mlmodel/OutputModels with nothing (status 200)"),
        ("OutputModels", {"a": 1}, {"model_name": "churn"}, "with something that is not a list of models. Give model_id or model_uuid."),
        ("OutputModels", ["churn"], {"model_name": "churn"}, "with something that is not a list of models. Give model_id or model_uuid."),
    ],
)
def test_shapes_of_metadata(tmp_path, http_server, path, answer, options, outcome):
    http_server.route("GET", "/api/v1/mlmodel/" + path, answer)
    make = Make(tmp_path / "churn", http_server.url, "token")
    if isinstance(outcome, dict):
        assert make(check=True, **options)["model"] == outcome
    else:
        with pytest.raises(Problem, match=re.escape(outcome)):
            make(check=True, **options)


# ------------------------------------------------------------------------------------------------------- what is unchanged


def test_pinned_digest(make, repository, sparkflows_double):
    added = repository.add("churn")
    predicted, done = four_steps(make, sparkflows_double, model_id=2, sha256="sha256:" + added["sha256"].upper())
    assert (predicted["release"], predicted["sha256"]) == (done["release"], done["sha256"]) == (added["sha256"][:12], added["sha256"])
    repository.metadata(2, comment="the same model in other words")
    assert make(model_id=2, sha256=added["sha256"])["changed"] is False


def test_wrong_digest(make, repository, sparkflows_double):
    added = repository.add("churn")
    make(model_id=2)
    before = make.tree()
    with pytest.raises(Problem) as error:
        make(model_id=2, sha256="0" * 64)
    assert str(error.value) == (
        "The model churn (id 2) has the sha256 %s, but %s was expected; it is a zip archive of 1 MB. Nothing was changed."
        " Fetch it again or correct sha256." % (added["sha256"], "0" * 64)
    )
    assert make.tree() == before


def test_a_model_that_was_changed_back_is_not_downloaded(make, repository, sparkflows_double):
    repository.add("churn")
    old = (sparkflows_double.home / "models" / "2.zip").read_bytes()
    first = make(model_id=2)
    repository.zip(2, make_zip(MLmodel="new"))
    repository.metadata(2, version=2)
    make(model_id=2)
    repository.zip(2, old)
    repository.metadata(2, version=2)
    for model in sparkflows_double.world.store.state["models"]:
        model.pop("version", None)
    predicted, done = four_steps(make, sparkflows_double, downloads=False, model_id=2)
    assert done["release"] == first["release"]
    assert predicted == done


def test_metadata_that_changes_without_the_model(make, repository, sparkflows_double):
    repository.add("churn")
    first = make(model_id=2)
    inode = os.stat(first["path"]).st_ino
    repository.metadata(2, views=1)
    dummy, done = four_steps(make, sparkflows_double, model_id=2)
    assert (done["release"], done["metadata_changed"]) == (first["release"], ["views"])
    assert done["diff"]["before"] != done["diff"]["after"]
    assert os.stat(first["path"]).st_ino == inode, "the files of a release in use stay"
    repository.metadata(2, views=2)
    assert make(model_id=2, ignore_metadata=["views"])["changed"] is False


def test_another_address_or_type_is_another_source(make, repository, sparkflows_double):
    repository.add("churn")
    make(model_id=2)
    assert make(check=True, model_id=2, sparkflows_url=sparkflows_double.url.replace("127.0.0.1", "localhost"))["downloaded"] is True
    four_steps(make, sparkflows_double, model_id=2, file_type="zip")


def test_force(make, repository, sparkflows_double):
    repository.add("churn")
    first = make(model_id=2)
    inode = os.stat(first["path"]).st_ino
    for check, requests in ((True, 1), (False, 2), (False, 2)):
        forced = make(check=check, model_id=2, force=True)
        assert (forced["changed"], forced["downloaded"], forced["requests"]) == (True, True, requests)
    assert os.stat(first["path"]).st_ino == inode
    (make.dest / "current" / "data" / "weights").write_text("eno")
    assert make(model_id=2)["changed"] is False
    make(model_id=2, force=True)
    assert make.read("data/weights") == "one"


@pytest.mark.parametrize("damage", ["missing", "longer", "link", "marker"])
def test_a_damaged_release_is_replaced(make, repository, sparkflows_double, damage):
    repository.add("churn")
    make(model_id=2)
    good, weights = make.tree(), make.dest / "current" / "data" / "weights"
    if damage == "missing":
        weights.unlink()
    elif damage == "longer":
        weights.write_text("more than one")
    elif damage == "link":
        weights.rename(make.dest / "weights")
        weights.symlink_to(make.dest / "weights")
    else:
        (make.dest / "current" / files.MARKER).write_text("[")
    four_steps(make, sparkflows_double, model_id=2)
    (make.dest / "weights").unlink(missing_ok=True)
    assert make.tree() == good


def test_what_an_interrupted_run_left_is_repaired(make, repository, sparkflows_double):
    repository.add("churn")
    done = make(model_id=2)
    good = make.tree()
    (make.dest / "releases" / ".tmp-x").mkdir()
    (make.dest / "releases" / ".tmp-x" / "download").write_text("half")
    assert make(model_id=2)["changed"] is False
    assert make.tree() == good
    (Path(done["path"]) / files.MARKER).unlink()
    (make.dest / "current").unlink()
    four_steps(make, sparkflows_double, model_id=2)
    assert make.tree() == good


def test_keep(make, repository, sparkflows_double):
    repository.add("churn")
    names = []
    for number in range(4):
        repository.zip(2, make_zip(MLmodel=str(number)))
        repository.metadata(2, version=number)
        dummy, done = four_steps(make, sparkflows_double, model_id=2, keep=1)
        names.append(done["release"])
    assert sorted(path.name for path in (make.dest / "releases").iterdir()) == sorted(names[-2:])
    predicted, done = four_steps(make, sparkflows_double, downloads=False, model_id=2, keep=0)
    assert predicted == done
    assert [path.name for path in (make.dest / "releases").iterdir()] == names[-1:]


@pytest.mark.parametrize(("root", "found"), [(None, "MLmodel"), (".", "model/MLmodel"), ("model/data", "weights")])
def test_root(make, repository, sparkflows_double, root, found):
    repository.add("churn")
    repository.zip(2, make_zip(**{"model/MLmodel": "{}", "model/data/weights": "1"}))
    make(model_id=2, root="model")
    if root is None:
        assert make(check=True, model_id=2)["changed"] is True
    four_steps(make, sparkflows_double, model_id=2, root=root)
    assert (make.dest / "current" / found).is_file()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_owner(make, repository, sparkflows_double):
    repository.add("churn")
    four_steps(make, sparkflows_double, model_id=2, owner="1234", group="2345")
    four_steps(make, sparkflows_double, downloads=False, model_id=2, owner="3456")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (make.dest / "current").rglob("*")} == {(3456, 2345)}
    with pytest.raises(Problem, match="There is no user 'nobody-such' on this host. Create it first, or correct owner."):
        make(model_id=2, owner="nobody-such")


# ----------------------------------------------------------------------------------------------------- broken connections


def test_a_broken_download_goes_on_where_it_ended(make, repository, sparkflows_double):
    added = repository.add("churn", padding=300_000)
    sparkflows_double.faults(break_download=200_000)
    sparkflows_double.reset_counters()
    done = make(model_id=2)
    assert (done["sha256"], done["requests"]) == (added["sha256"], 3)
    assert repository.paths() == {"GET /OutputModelsById/2": 1, "GET /outputModel/2/download/zipDownload": 2}


class RawServer:
    """Answers each connection with the next of some bytes and closes it; `asked` holds the heads of the requests."""

    def __init__(self, *answers):
        self.asked = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()

    def _serve(self, answers):
        for answer in answers:
            connection, dummy = self._listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                self.asked.append(head.decode().lower())
                connection.sendall(answer)

    def close(self):
        self._listener.close()


@pytest.fixture
def raw_server():
    servers = []

    def start(*answers):
        record = b'{"id":7,"name":"churn"}'
        servers.append(RawServer(head(len(record)) + record, *answers))
        return servers[0]

    yield start
    for server in servers:
        server.close()


def head(length, *headers, status=200):
    lines = ["HTTP/1.1 %d X" % status, *headers, "Connection: close"] + ([] if length is None else ["Content-Length: %d" % length])
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


ZIP = make_zip(MLmodel="flavors: {}\n" * 50)
HALF = len(ZIP) // 2
OTHER = make_zip(MLmodel="other")
ETAG, DATE = 'ETag: "v1"', "Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT"
FIRST_HALF = head(len(ZIP), ETAG) + ZIP[:HALF]


def rest(start=HALF, total=None):
    return head(len(ZIP) - start, "Content-Range: bytes %d-%d/%s" % (start, len(ZIP) - 1, total or len(ZIP)), status=206) + ZIP[start:]


@pytest.mark.parametrize(
    ("answers", "ranges", "content"),
    [
        pytest.param([FIRST_HALF, rest()], [None, (HALF, '"v1"')], ZIP, id="resumed"),
        pytest.param([FIRST_HALF, rest(total="*")], [None, (HALF, '"v1"')], ZIP, id="resumed without a total"),
        pytest.param(
            [FIRST_HALF, rest()[: -len(ZIP) // 4], rest(len(ZIP) * 3 // 4)], [None, (HALF, '"v1"'), (len(ZIP) * 3 // 4, '"v1"')], ZIP, id="resumed twice"
        ),
        pytest.param(
            [head(len(ZIP), DATE) + ZIP[:HALF], rest()], [None, (HALF, DATE[15:].lower())], ZIP, id="resumed by date"
        ),
        pytest.param([head(len(ZIP)) + ZIP[:HALF], head(len(ZIP)) + ZIP], [None, None], ZIP, id="no version is named"),
        pytest.param([head(len(ZIP), 'ETag: W/"v1"') + ZIP[:HALF], head(len(ZIP)) + ZIP], [None, None], ZIP, id="a weak version"),
        pytest.param([FIRST_HALF, head(len(OTHER), 'ETag: "v2"') + OTHER], [None, (HALF, '"v1"')], OTHER, id="replaced meanwhile"),
        pytest.param([FIRST_HALF, rest(HALF - 1), head(len(ZIP), ETAG) + ZIP], [None, (HALF, '"v1"'), None], ZIP, id="another part"),
        pytest.param([FIRST_HALF, rest(total=9999), head(len(ZIP), ETAG) + ZIP], [None, (HALF, '"v1"'), None], ZIP, id="a part of another file"),
        pytest.param(
            [FIRST_HALF, head(1, "Content-Range: bytes %d-%d/%d" % (HALF, HALF, len(ZIP)), status=206) + b"x", head(len(ZIP), ETAG) + ZIP],
            [None, (HALF, '"v1"'), None], ZIP, id="not all of the rest",
        ),  # fmt: skip
        pytest.param([FIRST_HALF, head(0, status=416), head(len(OTHER)) + OTHER], [None, (HALF, '"v1"'), None], OTHER, id="shorter meanwhile"),
        pytest.param([head(None) + ZIP], [None], ZIP, id="without a length"),
    ],
)
def test_resume_and_restart(tmp_path, raw_server, answers, ranges, content):
    server = raw_server(*answers)
    done = Make(tmp_path / "churn", server.url, "token")(model_id=7)
    assert done["sha256"] == hashlib.sha256(content).hexdigest()
    asked = []
    for request in server.asked[1:]:
        found = re.search(r"\r\nrange: bytes=(\d+)-\r\n", request)
        asked.append(found and (int(found.group(1)), re.search(r"\r\nif-range: (.*)\r\n", request).group(1)))
    assert asked == ranges
    assert all("\r\naccept: */*\r\n" in request for request in server.asked[1:])


def test_a_connection_that_stays_broken(tmp_path, raw_server):
    server = raw_server(FIRST_HALF, *[rest()[:-5], rest(len(ZIP) - 5)[:-2]])
    make = Make(tmp_path / "churn", server.url, "token")
    with pytest.raises(Problem) as error:
        make(model_id=7)
    assert str(error.value) == (
        "The model churn (id 7) broke off after 1 MB of 1 MB, also when tried again (retries is 2). Nothing was changed."
        " Sparkflows at %s closed the connection without a usable answer. Check that sparkflows_url names its port,"
        " and says https where it uses TLS." % server.url
    )
    assert make.tree() == [("releases", None)]


# -------------------------------------------------------------------------------------------------------- hostile and wrong


def flip(data):
    """The same zip file with other bytes in its first member."""
    start = 30 + struct.unpack("<H", data[26:28])[0]
    return data[:start] + bytes([data[start] ^ 0xFF]) + data[start + 1 :]


LABEL, STAYS = "The model churn (id 2) ", " The model in place stays as it is."


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (
            make_zip(MLmodel="x" * 99)[:-30], {},
            LABEL + "came as a zip file that is cut off or damaged: File is not a zip file." + STAYS
            + " Try again, and look into the log of Sparkflows if it stays so.",
        ),
        (
            flip(make_zip(MLmodel="hello there")), {},
            LABEL + r"is damaged or not what it says: .*\. Fetch or build it again.",
        ),
        (b"", {}, LABEL + "came as an empty file of 0 bytes and not as a zip file." + STAYS + " Check file_type and sparkflows_url."),
        (
            b"<!DOCTYPE html><html>Login</html>", {},
            LABEL + "came as a web page, perhaps an error or a login page of 33 bytes and not as a zip file." + STAYS + " Check file_type and sparkflows_url.",
        ),
        (b"\x1f\x8b" + b"0" * 50, {}, LABEL + "came as a gzip archive of 52 bytes and not as a zip file." + STAYS + " Check file_type and sparkflows_url."),
        (make_zip(), {}, LABEL + "came as an empty zip file." + STAYS + " Check the model in Sparkflows."),
        (make_zip(("../x", "x", 0)), {}, LABEL + r"holds the member '../x', which would land outside the release. Use an archive without it."),
        (make_zip(("/etc/x", "x", 0)), {}, LABEL + r"holds the member '/etc/x', which would land outside the release. Use an archive without it."),
        (
            make_zip(("a", "b", stat.S_IFLNK | 0o777)), {},
            LABEL + "holds 'a', which is a link, a device or a pipe and nothing that a model needs." + STAYS,
        ),
        (
            make_zip(("a", "", stat.S_IFBLK | 0o777)), {},
            LABEL + "holds 'a', which is a link, a device or a pipe and nothing that a model needs." + STAYS,
        ),
        (
            make_zip(("a", "", stat.S_IFREG | 0o4755)), {},
            LABEL + "holds 'a' with a set-user-ID or set-group-ID bit, which no release needs. Use an archive without it.",
        ),
        (
            make_zip((".release.json", "{}", 0), ("MLmodel", "{}", 0)), {},
            LABEL + "holds a file .release.json, which is the name of the file that describes a release here. Choose another root.",
        ),
        (make_zip(MLmodel="x"), {"root": "models"}, LABEL + "has no folder 'models'; at its top are: MLmodel. Correct root."),
        (
            make_zip(a="", b="", c=""), {"max_entries": 2},
            LABEL + "holds 3 files and folders, but max_entries is 2." + STAYS + " Raise it if that is right.",
        ),
        (
            make_zip(a="0" * 1_500_000, b="0" * 1_500_000), {"max_unpacked_mb": 2},
            LABEL + "takes 3 MB when unpacked, but max_unpacked_mb is 2." + STAYS + " Raise it if that is right.",
        ),
        (
            b"x" * 1_000_001, {"max_download_mb": 1},
            LABEL + "is a download of 2 MB, but max_download_mb is 1. Nothing was changed. Raise max_download_mb if a model of this size is right.",
        ),
    ],
)  # fmt: skip
def test_what_is_no_model_leaves_current_alone(make, repository, sparkflows_double, content, options, sentence):
    repository.add("churn")
    make(model_id=2)
    before = make.tree()
    repository.zip(2, content)
    with pytest.raises(Problem, match="^%s$" % re.sub(r"\(id 2\)", r"\\(id 2\\)", sentence)):
        make(model_id=2, force=True, **options)
    assert make.tree() == before
    assert not (make.dest.parent / "x").exists()


def test_a_download_without_a_length_is_limited_too(tmp_path, raw_server):
    server = raw_server(head(None) + b"x" * 1_100_000)
    make = Make(tmp_path / "churn", server.url, "token")
    with pytest.raises(Problem, match="^The model churn .* is a download of more than 1 MB, but max_download_mb is 1. Nothing was changed."):
        make(model_id=7, max_download_mb=1)
    assert make.tree() == [("releases", None)]


@pytest.mark.parametrize(("free", "what"), [(1000, "Downloading it"), (600_000, "Unpacking it")])
def test_free_space(make, repository, sparkflows_double, monkeypatch, free, what):
    repository.add("churn")
    repository.zip(2, make_zip(a="0" * 900_000) + b"0" * 4000)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(free))
    with pytest.raises(Problem) as error:
        make(model_id=2)
    assert str(error.value).startswith("%s needs about 1 MB below %s" % (what, make.dest))
    assert make.tree() == [("releases", None)]


def test_a_full_disk(make, repository, sparkflows_double, monkeypatch):
    repository.add("churn")

    def full(self, data):
        raise OSError(28, "No space left on device")

    download = models_repository.Download(type("Full", (io.BytesIO,), {"name": "/x/download", "write": full})(), "The model churn (id 2)", 1000)
    with pytest.raises(Problem) as error:
        download.write(b"x")
    assert str(error.value) == "The model churn (id 2) cannot be written to /x/download: No space left on device. Check the space there."


def test_a_zip_of_many_entries_is_not_unpacked_at_all(make, repository, sparkflows_double, monkeypatch):
    repository.add("churn")
    repository.zip(2, make_zip(a="", b="", c=""))
    monkeypatch.setattr(models._unpack, "unpack", None)
    with pytest.raises(Problem, match="max_entries is 2"):
        make(model_id=2, max_entries=2)


def test_file_type_that_the_server_does_not_know(make, repository, sparkflows_double):
    repository.add("churn")
    with pytest.raises(Problem) as error:
        make(model_id=2, file_type="mojo")
    assert str(error.value) == (
        "The model churn (id 2) cannot be downloaded as 'mojo'. Sparkflows at %s answered 400 to GET /api/v1/mlmodel/outputModel/2/download/mojo."
        " It says: The file type mojo is not known. Check what this release of Sparkflows calls it, and give that as file_type." % sparkflows_double.url
    )


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            "redirect",
            (
                "Sparkflows at {url} sends GET {path} to its login page (302), so it does not accept the token. Check sparkflows_token, that"
                " the configuration module.enableTokenGeneration is true, and that"
                " fire.cors.enable=true and fire.security.csrf.enable=false in the server's conf/application.properties let tokens in."
            ),
        ),
        (
            "drop",
            "Sparkflows at {url} closed the connection without a usable answer. Check that sparkflows_url names its port, and says https where it uses TLS.",
        ),
        (
            503,
            "Sparkflows at {url} is not ready: it answered 503 to GET {path}. A server that was started needs some minutes; wait for it with sparkflows_info.",
        ),
    ],
)
def test_faults(make, repository, sparkflows_double, fault, sentence, skip):
    repository.add("churn")
    sparkflows_double.faults(answers=[{"answer": fault, "times": None, "path": "/api/v1/mlmodel", "skip": skip}])
    with pytest.raises(Problem) as error:
        make(model_id=2)
    assert str(error.value) == sentence.format(url=sparkflows_double.url, path=(METADATA, DOWNLOAD)[skip] % 2)
    assert make.dest.exists() is bool(skip)
    sparkflows_double.faults()
    assert make(model_id=2)["changed"] is True


def test_a_page_in_place_of_a_model(make, repository, sparkflows_double):
    repository.add("churn")
    sparkflows_double.faults(answers=[{"answer": "html"}])
    with pytest.raises(Problem, match="answered GET /api/v1/mlmodel/OutputModelsById/2 with an HTML page where data were expected"):
        make(model_id=2)
    sparkflows_double.faults(answers=[{"answer": "html", "skip": 1}])
    with pytest.raises(Problem, match="came as a web page, perhaps an error or a login page of .* bytes and not as a zip file."):
        make(model_id=2)


def test_wrong_token(make, sparkflows_double):
    with pytest.raises(Problem, match="so it does not accept the token") as error:
        make(model_id=1, sparkflows_token="CANARY-token")
    assert "CANARY" not in str(error.value)
    assert not make.dest.exists()


def test_login_by_password(make, sparkflows_double):
    done = make(model_id=1, sparkflows_token=None, sparkflows_username="admin", sparkflows_password="admin")
    assert (done["changed"], done["requests"]) == (True, 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dest": "models"}, "dest is 'models'; expected an absolute path of its own, like /opt/sparkflows/models/churn."),
        ({"dest": "/", "state": "absent"}, "dest is '/'; expected an absolute path of its own, like /opt/sparkflows/models/churn."),
        ({"model_id": -1}, "model_id is -1; it must be at least 1."),
        ({"keep": -1}, "keep is -1; it must be at least 0."),
        ({"max_download_mb": 0}, "max_download_mb is 0; it must be at least 1."),
        ({"model_id": None, "model_name": " "}, "model_name is empty; name a model."),
        ({"file_type": "../x"}, "file_type is '../x'; expected letters, digits and . _ - only, like zipDownload."),
        ({"sha256": "abc"}, "sha256 is 'abc'; expected the 64 hexadecimal digits that `sha256sum` prints for the archive."),
        ({"root": "../x"}, "root is '../x'; expected a path inside the zip file, without .. parts."),
        ({"sparkflows_token": None}, "There is no login for Sparkflows. Give sparkflows_token, or sparkflows_username and sparkflows_password."),
    ],
)
def test_bad_options(tmp_path, options, sentence):
    make = Make(tmp_path / "churn", "http://127.0.0.1:9", "token")
    with pytest.raises((Problem, Problem)) as error:
        make(**{"model_id": 7, **options})
    assert str(error.value) == sentence
    assert not make.dest.exists()


def test_something_else_is_in_the_place_of_current(make, repository, sparkflows_double):
    (make.dest / "current").mkdir(parents=True)
    sparkflows_double.reset_counters()
    with pytest.raises(Problem, match="is not a symbolic link, so it can't be switched."):
        make(model_id=1)
    assert sparkflows_double.counters()["requests"] == 0


@pytest.mark.parametrize("step", ["mark", "switch"])
def test_a_run_that_is_killed_is_completed_by_the_next(make, repository, sparkflows_double, monkeypatch, step):
    repository.add("churn")
    make(model_id=2)
    sha256 = repository.zip(2, make_zip(MLmodel="new"))
    repository.metadata(2, version=2)

    def killed(self, *args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(models.Releases, step, killed)
        with pytest.raises(KeyboardInterrupt):
            make(model_id=2)
    assert make.read("data/weights") == "one"
    dummy, done = four_steps(make, sparkflows_double, downloads=step == "mark", model_id=2)
    assert (done["sha256"], make.read("MLmodel")) == (sha256, "new")


# What the server answers instead of a model.


@pytest.mark.parametrize("answer", [
    {"id": 0, "uuid": None}, {"error": "not found"}, b"", b"null", [], {"id": 8, "uuid": "9b2b1c8e-0000-4000-8000-000000000009", "name": "other"},
])  # fmt: skip
@pytest.mark.parametrize("option, call, given", [
    ("model_id", "OutputModelsById", 7), ("model_uuid", "outputModelByModelUuid", "6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11"),
])  # fmt: skip
def test_a_look_up_is_not_believed_without_looking(http_server, tmp_path, answer, option, call, given):
    http_server.route("GET", "/api/v1/mlmodel/%s/%s" % (call, given), (200, answer))
    with pytest.raises(Problem) as caught:
        Make(tmp_path / "model", http_server.url, "a-token-of-tests")(**{option: given})
    text = str(caught.value)
    assert "has no model with the %s %s." % (option[len("model_") :], given) in text
    assert ("It answered with another one: " in text) is (isinstance(answer, dict) and answer.get("id") == 8)


@pytest.mark.parametrize("number", ["²", "9" * 5000, 0, None, -1, "1e3", True, [1]])
def test_an_id_that_is_none(http_server, tmp_path, number):
    http_server.route("GET", "/api/v1/mlmodel/OutputModels", [{"id": number, "name": "churn"}])
    with pytest.raises(Problem, match="tells no id of the model with the name churn. Give its id as model_id."):
        Make(tmp_path / "model", http_server.url, "a-token-of-tests")(model_name="churn")


@pytest.mark.parametrize("answer, words", [({"success": False, "message": "No"}, "It says: No."), (b"", "with nothing"), (b"<html>", "HTML page")])
def test_a_list_of_models_that_is_none(http_server, tmp_path, answer, words):
    http_server.route("GET", "/api/v1/mlmodel/OutputModels", (200, answer))
    with pytest.raises(Problem, match=words):
        Make(tmp_path / "model", http_server.url, "a-token-of-tests")(model_name="churn")


def test_a_model_of_3000_folders_leaves_nothing_behind(sparkflows_double, tmp_path):
    added = Repository(sparkflows_double).add("deep")
    path = sparkflows_double.home / "models" / ("%d.zip" % added["id"])
    good = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a/" * 3000 + "b"), b"x")
    make = Make(tmp_path / "model", sparkflows_double.url, sparkflows_double.token)
    with pytest.raises(Problem, match="Use an archive with shorter paths"):
        make(model_id=added["id"])
    assert [name for name in os.listdir(tmp_path / "model" / "releases") if name != ".lock"] == []
    path.write_bytes(good)
    assert make(model_id=added["id"])["changed"]
