# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a backup of a tracking server consists of, and the programs that bring each part out and back in.

Every program runs as the user whose data it is and talks by its standard streams alone, so that nothing which that user has laid out, links,
pipes or a damaged database, reaches further than that user. Secrets come by the environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

# Bytes of a program's last words that are kept.
_LAST_WORDS = 4000
_BLOCK = 1 << 20

# SQLite's own way of copying a database in use. The copy lies beside the database, as there its user may write; one of a killed run is removed.
_DUMP_SQLITE = """
import glob, os, shutil, sqlite3, sys, tempfile
source = sys.argv[1]
os.umask(0o077)
for left in glob.glob(os.path.join(glob.escape(os.path.dirname(source)), ".backup-*")):
    os.unlink(left)
if not os.path.isfile(source):
    sys.exit(source + " is not there.")
handle, scratch = tempfile.mkstemp(prefix=".backup-", dir=os.path.dirname(source))
os.close(handle)
try:
    copy = sqlite3.connect(scratch)
    sqlite3.connect(source).backup(copy)
    copy.close()
    with open(scratch, "rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
finally:
    os.unlink(scratch)
"""

# The rename is the one moment of the change. What the former database may have left unfinished must not be applied to this one.
_LOAD_SQLITE = """
import contextlib, glob, os, shutil, sqlite3, sys, tempfile
target = sys.argv[1]
for left in glob.glob(os.path.join(glob.escape(os.path.dirname(target)), ".restored-*")):
    os.unlink(left)
handle, scratch = tempfile.mkstemp(prefix=".restored-", dir=os.path.dirname(target))
try:
    with os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        file.flush()
        os.fchmod(file.fileno(), 0o640)
        os.fsync(file.fileno())
    connection = sqlite3.connect(scratch)
    said = connection.execute("pragma quick_check").fetchone()[0]
    connection.close()
    if said != "ok":
        sys.exit("SQLite finds it damaged: " + said)
    for suffix in ("-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target + suffix)
    os.replace(scratch, target)
except BaseException:
    os.unlink(scratch)
    raise
"""

# All tables of the schema are MLflow's: a database that holds others' is refused before a server is set up on it.
_EMPTY_POSTGRESQL = """
do $$ declare found record; begin
  for found in select tablename from pg_tables where schemaname = current_schema() loop
    execute format('drop table %I cascade', found.tablename);
  end loop;
end $$
"""

# One action on one object, or on all below a prefix. Streams of any length pass through; boto3 cuts them into parts.
_S3 = """
import json, os, sys
import boto3, botocore.config
wanted = json.loads(os.environ.pop("BACKUP_S3"))
limits = botocore.config.Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 5})
client = boto3.client("s3", config=limits, **wanted["client"])
bucket, key = wanted["bucket"], wanted["key"]
if wanted["action"] == "put":
    client.upload_fileobj(sys.stdin.buffer, bucket, key)
elif wanted["action"] == "get":
    client.download_fileobj(bucket, key, sys.stdout.buffer)
else:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    found = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    if wanted["action"] == "delete":
        for name in found:
            client.delete_object(Bucket=bucket, Key=name)
    print(json.dumps(found))
"""


class Part(t.NamedTuple):
    """A part of a backup: its file's name, what it is called in a sentence, and the programs that write it and that read it."""

    file: str
    called: str
    dump: list[str]
    load: list[str]
    environment: dict[str, str]
    #: Exit statuses of `dump` that are no failure, but are worth a warning.
    bearable: tuple[int, ...] = ()


class Stream(t.NamedTuple):
    """What was written: the SHA-256 in hexadecimal, bytes, and what the program said meanwhile, when that was worth a warning."""

    sha256: str
    size: int
    warning: str


def sqlite(path: str) -> Part:
    """The records, in a file of SQLite."""
    python = [sys.executable, "-I", "-c"]
    return Part("database.sqlite", "The database %s" % path, [*python, _DUMP_SQLITE, path], [*python, _LOAD_SQLITE, path], {})


def postgresql(settings: t.Mapping[str, t.Any]) -> Part:
    """The records, in a database of PostgreSQL. Its programs have to be on the host, as new as the server at least."""
    environment = {
        "PGHOST": str(settings["host"]),
        "PGPORT": str(settings["port"]),
        "PGDATABASE": str(settings["dbname"]),
        "PGUSER": str(settings["user"]),
        "PGPASSWORD": str(settings["password"] or ""),
        "PGSSLMODE": str(settings["sslmode"]),
        "PGCONNECT_TIMEOUT": "10",
    }
    dump = ["pg_dump", "--no-password", "--format=plain", "--no-owner", "--no-privileges"]
    load = ["psql", "--no-password", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"]
    load += ["--output=/dev/null", "--command=" + _EMPTY_POSTGRESQL, "--file=-"]
    return Part("database.sql", "The PostgreSQL database %s" % settings["dbname"], dump, load, environment)


def artifacts(folder: str) -> Part:
    """The artifacts on disk. What came after the backup stays when it is restored: nothing in the records names it then."""
    dump = ["tar", "--create", "--file=-", "--sort=name", "--directory=" + folder, "."]
    load = ["tar", "--extract", "--file=-", "--no-same-owner", "--no-overwrite-dir", "--directory=" + folder]
    # tar's own words for a file that grew while it was read.
    return Part("artifacts.tar", "The folder %s" % folder, dump, load, {}, bearable=(1,))


def dump(part: Part, path: str, user: str, deadline: float) -> Stream:
    """Write a part into a new file that only its owner may read. Raises `Problem` where its program fails or is too slow."""
    with _opened(path) as file:
        status, said, sha256, size = _piped(_as(user, part.dump), part.environment, deadline, None, file)
    if status not in (0, *part.bearable):
        raise Problem("%s could not be backed up: %s" % (part.called, said))
    return Stream(sha256, size, said if status else "")


def load(part: Part, path: str, user: str, deadline: float) -> None:
    """Bring a part back from its file. A database is as it was where this fails or is killed."""
    with open(path, "rb") as file:
        status, said = _piped(_as(user, part.load), part.environment, deadline, file, None)[:2]
    if status:
        raise Problem("%s could not be restored: %s" % (part.called, said))


class S3:
    """A place in S3 for backups, by the boto3 of an installed stack.

    ``settings`` are C(uri), C(endpoint_url), C(region), C(access_key_id), C(secret_access_key), C(ca_path), C(validate_certs) and C(python), the
    stack's interpreter.
    """

    def __init__(self, settings: t.Mapping[str, t.Any], user: str, deadline: float) -> None:
        self.python = settings["python"]
        self.user, self.deadline = user, deadline
        self.bucket, _slash, prefix = settings["uri"][len("s3://") :].partition("/")
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        verify = settings["ca_path"] or None if settings["validate_certs"] else False
        client = {"endpoint_url": settings["endpoint_url"] or None, "region_name": settings["region"] or None, "verify": verify}
        if settings["access_key_id"]:
            client.update(aws_access_key_id=settings["access_key_id"], aws_secret_access_key=settings["secret_access_key"])
        self.client = client

    def uri(self, name: str = "") -> str:
        return "s3://%s/%s%s" % (self.bucket, self.prefix, name)

    def put(self, path: str, name: str) -> None:
        """Copy a file there."""
        with open(path, "rb") as file:
            self._ask("put", name, file)

    def get(self, name: str, path: str) -> None:
        """Copy a file from there into a new file that only its owner may read."""
        with _opened(path) as file:
            self._ask("get", name, None, file)

    def names(self) -> list[str]:
        """All files there, relative to the place."""
        return [key[len(self.prefix) :] for key in self._listed("list", "")]

    def delete(self, folder: str) -> None:
        """Remove all files of a folder there."""
        self._listed("delete", folder + "/")

    def _listed(self, action: str, name: str) -> list[str]:
        said = self._ask(action, name)
        try:
            found = json.loads(said.splitlines()[-1])
        except (ValueError, IndexError):
            raise Problem("%s could not be listed: %s" % (self.uri(name), said or "nothing was said.")) from None
        return [str(key) for key in found]

    def _ask(self, action: str, name: str, source: t.BinaryIO | None = None, target: t.BinaryIO | None = None) -> str:
        wanted = {"action": action, "bucket": self.bucket, "key": self.prefix + name, "client": self.client}
        if not os.path.exists(self.python):
            raise Problem("%s is not there; its boto3 is needed to reach %s. Set the stack up first." % (self.python, self.uri()))
        argv = _as(self.user, [self.python, "-I", "-c", _S3])
        status, said = _piped(argv, {"BACKUP_S3": json.dumps(wanted)}, self.deadline, source, target)[:2]
        if status:
            raise Problem("%s could not be reached (%s). Check the address, the login and its permissions." % (self.uri(name), said.rstrip(".")))
        return said


def _as(user: str, argv: list[str]) -> list[str]:
    """A command line that runs as a user; as root that takes another, unless it is root's own data."""
    try:
        uid = pwd.getpwnam(user).pw_uid
    except KeyError:
        raise Problem("There is no user %s on this host. Set the tracking server up first." % user) from None
    program = shutil.which(argv[0], path=commands.PATH)
    if program is None:
        package = "the client programs of PostgreSQL, at least as new as the server" if argv[0] in ("pg_dump", "psql") else "the package that has it"
        raise Problem("The host has no %s. Install %s." % (argv[0], package))
    argv = [program, *argv[1:]]
    return argv if uid == os.geteuid() else [shutil.which("runuser", path=commands.PATH) or "runuser", "-u", user, "--", *argv]


@contextlib.contextmanager
def _opened(path: str) -> t.Iterator[t.BinaryIO]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _piped(argv: list[str], environment: dict[str, str], deadline: float, source: t.BinaryIO | None, target: t.BinaryIO | None) -> tuple[int, str, str, int]:
    """Run a program that reads one file and whose output goes into another: exit status, its last words, SHA-256 and size of the output.

    Without a target the output belongs to the words.
    """
    process = commands.start(
        argv,
        {"PATH": commands.PATH, "LC_ALL": "C", "HOME": "/nonexistent", "GIT_PYTHON_REFRESH": "quiet", **environment},
        separate_errors=True,
        stdin=subprocess.DEVNULL if source is None else source,
        cwd="/",
    )
    slow = threading.Event()

    def stop() -> None:
        slow.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(deadline, stop)
    words = {"errors": b"", "output": b""}

    def listen() -> None:
        for block in iter(lambda: os.read(t.cast(t.IO[bytes], process.stderr).fileno(), 65536), b""):
            words["errors"] = (words["errors"] + block)[-_LAST_WORDS:]

    listener = threading.Thread(target=listen, daemon=True)
    digest, size = hashlib.sha256(), 0
    timer.start()
    listener.start()
    try:
        for block in iter(lambda: os.read(t.cast(t.IO[bytes], process.stdout).fileno(), _BLOCK), b""):
            digest.update(block)
            size += len(block)
            if target is None:
                words["output"] = (words["output"] + block)[-(1 << 20) :]
            else:
                target.write(block)
        status = process.wait()
        listener.join(10)
    finally:
        timer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if slow.is_set():
        raise commands.TooSlow("%s did not end within %d seconds." % (argv[0] if "--" not in argv else argv[argv.index("--") + 1], deadline))
    said = _complaint(words["errors"].decode("utf-8", "replace")) if status else words["output"].decode("utf-8", "replace").strip()
    return status, said, digest.hexdigest(), size


def _complaint(errors: str) -> str:
    """The line that tells most: the first of a program's errors, or the last where it is one of Python's."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1 if "Traceback " in errors else 0] if lines else "nothing was said."
