# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A verified archive as `dest/releases/<release>`, with `dest/current` switched to it."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import stat
import tarfile
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils import _unpack
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive.fetch import check_digest, fetched, is_url, label_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import (
    MARKER,
    Releases,
    moved,
    need_space,
    remove,
)

#: The options of the module.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "dest": {"type": "path", "required": True},
    "release": {"type": "str"},
    "src": {"type": "str"},
    "remote_src": {"type": "bool", "default": False},
    "parts": {"type": "int"},
    "sha256": {"type": "str"},
    "root": {"type": "str"},
    "home": {"type": "path"},
    "verify": {
        "type": "dict",
        "options": {
            "argv": {"type": "list", "elements": "str", "required": True},
            "pattern": {"type": "str"},
            "description": {"type": "str"},
        },
    },
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "keep": {"type": "int", "default": 2},
    "intact": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "use_proxy": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 60},
    "url_username": {"type": "str"},
    "url_password": {"type": "str", "no_log": True},
}
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_VERIFY_SECONDS = 120
# What there is of an archive whose download broke off, before its digest.
_PARTIAL = ".part-"


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do what the module `archive_release` documents and return its result. Raises `Problem`."""
    os.umask(0o022)
    _check_params(params)
    releases = Releases(params["dest"])
    if params["state"] == "absent":
        return _absent(releases, check_mode)
    if check_mode:
        return _present(releases, params, check_mode=True)
    with releases.locked():
        releases.sweep()
        return _present(releases, params, check_mode=False)


def sha256_of_text(text: str) -> str:
    """The bare digest out of an option's value. Raises `Problem` when it is not one."""
    match = _SHA256.match(text.strip().lower())
    if match is None:
        raise Problem("sha256 is %r; expected the 64 hexadecimal digits that `sha256sum` prints for the archive." % text)
    return match.group(1)


def pack(folder: str, file: t.IO[bytes]) -> None:
    """Write a folder as a tar archive whose bytes depend on names, contents, links and execute bits alone.

    It is not compressed, because the bytes of a compressor differ between its versions.
    """
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in _sorted_tree(folder):
            member = archive.gettarinfo(path, arcname=os.path.relpath(path, folder))
            if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
                raise Problem("%s is a device, pipe or socket, which no release needs. Remove it." % path)
            if member.islnk():  # the same file twice: packed twice, so that the order of links does not matter
                member.type, member.linkname, member.size = tarfile.REGTYPE, "", os.path.getsize(path)
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.mtime = member.uid = member.gid = 0
            member.uname = member.gname = ""
            if member.isreg():
                with open(path, "rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)


def digest_of_folder(folder: str) -> str:
    """The SHA-256 of the archive that `pack` makes of a folder."""

    class Digester:
        def __init__(self) -> None:
            self.digest = hashlib.sha256()

        def write(self, data: bytes) -> int:
            self.digest.update(data)
            return len(data)

    digester = Digester()
    pack(folder, t.cast("t.IO[bytes]", digester))
    return digester.digest.hexdigest()


def _sorted_tree(folder: str) -> t.Iterator[str]:
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name in ("__pycache__", MARKER) or name.endswith((".pyc", ".pyo")):
            continue
        yield path
        if os.path.isdir(path) and not os.path.islink(path):
            yield from _sorted_tree(path)


def _check_params(params: dict[str, t.Any]) -> None:
    if not os.path.isabs(params["dest"]) or os.path.normpath(params["dest"]) == "/":
        raise Problem("dest is %r; expected an absolute path of its own, like /opt/sparkflows/jdk." % params["dest"])
    if params["keep"] < 0:
        raise Problem("keep is %d; expected 0 or more." % params["keep"])
    if params["state"] == "absent":
        return
    if not (params["src"] or params["home"]):
        raise Problem("Neither src nor home is given. Name an archive, or a directory on the host that is there already.")
    verify = params["verify"]
    if verify:
        if not verify["argv"]:
            raise Problem("verify.argv is empty; expected a command like [bin/java, -version].")
        try:
            re.compile(verify["pattern"] or "")
        except re.error as error:
            raise Problem("verify.pattern %r is not a regular expression: %s." % (verify["pattern"], error)) from None
    if params["home"]:
        if not os.path.isabs(params["home"]):
            raise Problem("home is %r; expected an absolute path on the host." % params["home"])
        return
    if not params["release"]:
        raise Problem("release is missing; it names the folder of this archive, like 8u462-b08.")
    if not _RELEASE.match(params["release"]):
        raise Problem("release is %r; expected letters, digits and . _ + - only, and a letter or digit first." % params["release"])
    if not params["sha256"]:
        raise Problem("sha256 is missing; no archive is used before its digest was compared. `sha256sum` prints it.")
    params["sha256"] = sha256_of_text(params["sha256"])
    root = params["root"] = params["root"] or None
    if params["intact"] and root != ".":
        raise Problem("intact is only for a folder as src: of an archive nobody knows what its files should hold.")
    if root and (root.startswith("/") or ".." in root.split("/")):
        raise Problem("root is %r; expected a path inside the archive, without .. parts." % root)
    scheme = params["src"].split("://")[0].lower() if is_url(params["src"]) else ""
    if scheme not in ("", "http", "https", "file"):
        raise Problem("src starts with %s://; expected http, https or file, or a path." % scheme)


def _absent(releases: Releases, check_mode: bool) -> dict[str, t.Any]:
    doomed = releases.removable()
    # What a removal left that was cut short has no release to show.
    before = _described(releases, releases.target()) or "".join("%s\n" % path for path in doomed)
    if doomed and not check_mode:
        with releases.locked():
            releases.remove_all()
    return {"changed": bool(doomed), "diff": {"before": before, "after": ""}}


def _in_order(releases: Releases, params: dict[str, t.Any]) -> tuple[bool, str]:
    """Whether the wanted release is complete, unchanged and answers as it should; and what it answered."""
    name = params["release"]
    marker = releases.marker(name)
    if marker is None or (marker.get("sha256"), marker.get("root")) != (params["sha256"], params["root"]):
        return False, ""
    if params["intact"] and not _intact(releases.path(name), params):
        return False, ""
    try:
        return True, _verify(params["verify"], releases.path(name), name)
    except Problem:
        return False, ""


def _intact(folder: str, params: dict[str, t.Any]) -> bool:
    """Whether a release made of a folder holds what that held, and everything in it has the mode and the owner that unpacking gave it."""
    for path in [folder, *_sorted_tree(folder)]:
        status = os.lstat(path)
        if params["owner"] is None and status.st_uid != os.geteuid():
            return False
        mode = 0o755 if stat.S_ISDIR(status.st_mode) or status.st_mode & 0o100 else 0o644
        if not stat.S_ISLNK(status.st_mode) and stat.S_IMODE(status.st_mode) != mode:
            return False
    try:
        return bool(digest_of_folder(folder) == params["sha256"])
    except Problem:
        return False


def _present(releases: Releases, params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    if params["home"]:
        return _present_home(releases, params, check_mode)
    name = params["release"]
    target = os.path.join("releases", name)
    before_target = releases.target()
    before = _described(releases, before_target)
    previous = releases.current()
    complete, version_output = _in_order(releases, params)
    owner = _owner(params, check_mode)
    misowned = complete and not _owned(releases.path(name), owner)
    surplus = releases.surplus(name, params["keep"])
    changed = not complete or before_target != target or misowned or bool(surplus)
    result = {
        "changed": changed,
        "release": name,
        "path": releases.path(name),
        "current": releases.link,
        "previous": previous if previous != name else None,
        "sha256": params["sha256"],
        "version_output": version_output,
        "diff": {"before": before, "after": _described(releases, target, {name: params["sha256"]}, surplus)},
    }
    if not complete and not params["remote_src"] and not is_url(params["src"]):
        # The archive is still on the controller. The action plugin brings it, unless this is a prediction.
        result["needed"] = True
        return result
    if check_mode or not changed:
        return result
    if not complete:
        result["version_output"] = _install(releases, params, owner)
    elif misowned:
        _chown(releases.path(name), owner)
    if not complete or before_target != target:
        releases.switch(target)
    for old in surplus:
        remove(releases.path(old))
    return result


def _present_home(releases: Releases, params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    home = os.path.normpath(params["home"])
    before_target = releases.target()
    version_output = ""
    if os.path.isdir(home):
        version_output = _verify(params["verify"], home, home)
    elif not check_mode:
        raise Problem("The directory %s does not exist on this host. Install what belongs there, or name another home." % home)
    previous = releases.current()
    changed = before_target != home
    if changed and not check_mode:
        releases.switch(home)
    return {
        "changed": changed,
        "release": None,
        "path": home,
        "current": releases.link,
        "previous": previous,
        "sha256": None,
        "version_output": version_output,
        "diff": {"before": _described(releases, before_target), "after": _described(releases, home)},
    }


def _described(releases: Releases, target: str | None, added: dict[str, str] | None = None, removed: t.Sequence[str] = ()) -> str:
    """The state that a diff shows: where the link points, and the releases with their digests."""
    lines = [] if target is None else ["current -> %s" % target]
    digests = {name: (releases.marker(name) or {}).get("sha256", "") for name in releases.complete() if name not in removed}
    digests.update(added or {})
    lines += ["releases/%s sha256:%s" % (name, digests[name][:12]) for name in sorted(digests)]
    return "".join(line + "\n" for line in lines)


def _install(releases: Releases, params: dict[str, t.Any], owner: tuple[int, int]) -> str:
    """Fetch, check, unpack, verify and put into place; returns what the verification printed."""
    scratch = releases.scratch()
    try:
        partial = _partial(releases, params["sha256"])
        archive = fetched(params, scratch, partial)
        label = label_of(params)
        check_digest(archive, params["sha256"], label)
        need_space(releases.dest, int(_unpack.unpacked_size(archive) * 1.05), "Unpacking %s" % label)
        tree = os.path.join(scratch, "tree")
        os.mkdir(tree)
        _unpack.unpack(archive, tree, label)
        folder = root_of(tree, params["root"], label)
        os.chmod(folder, 0o755)
        _chown(folder, owner)
        path = releases.path(params["release"])
        replaced = os.path.join(scratch, "replaced")
        if os.path.lexists(path):
            if releases.current() == params["release"]:
                # Its time tells a later run that services may still use the old content, even if this one ends here.
                releases.switch(os.path.join("releases", params["release"]))
            if not moved(path, replaced):
                remove(path)
        os.rename(folder, path)
        # Some programs, such as one with its own program loader, run at their final place only. Without a marker it is incomplete.
        try:
            version_output = _verify(params["verify"], path, label)
        except Problem:
            os.rename(path, os.path.join(scratch, "refused"))
            if os.path.lexists(replaced):
                os.rename(replaced, path)
            raise
        remove(partial)
        releases.mark(path, {"sha256": params["sha256"], "root": params["root"], "release": params["release"]})
        os.chown(os.path.join(path, MARKER), *owner)
    finally:
        remove(scratch)
    return version_output


def _partial(releases: Releases, sha256: str) -> str:
    """Where what was downloaded of an archive stays when the download breaks off; what is left of others is removed."""
    own = _PARTIAL + sha256
    for name in os.listdir(releases.folder):
        if name.startswith(_PARTIAL) and name != own:
            remove(os.path.join(releases.folder, name))
    return os.path.join(releases.folder, own)


def root_of(tree: str, root: str | None, label: str) -> str:
    """The folder of the unpacked archive that becomes the release."""
    names = sorted(os.listdir(tree))
    if not root:
        only = os.path.join(tree, names[0]) if len(names) == 1 else ""
        return only if only and os.path.isdir(only) and not os.path.islink(only) else tree
    folder = os.path.normpath(os.path.join(os.path.realpath(tree), root))
    if os.path.isdir(folder) and os.path.realpath(folder) == folder:
        return folder
    raise Problem("%s has no folder %r; at its top are: %s. Correct root." % (label, root, ", ".join(names[:8]) or "no files"))


def _verify(verify: dict[str, t.Any] | None, home: str, label: str) -> str:
    """Run the verification below `home` and return what it printed. Raises `Problem` when it is not what was asked for."""
    if not verify:
        return ""
    argv = [os.path.join(home, verify["argv"][0])] + [str(part) for part in verify["argv"][1:]]
    wanted = verify["description"] or "what was asked for (%s)" % verify["pattern"]
    shown = " ".join(verify["argv"])
    environment = {"PATH": commands.PATH, "LC_ALL": "C", "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        status, output = commands.run(argv, environment, _VERIFY_SECONDS, cwd=home)
    except FileNotFoundError:
        if os.path.exists(argv[0]):
            raise Problem(
                "%s is not %s that runs here: `%s` needs a program loader that this host does not have. Use a build for this system." % (label, wanted, shown)
            ) from None
        raise Problem("%s is not %s: it has no %s. Check src and root." % (label, wanted, verify["argv"][0])) from None
    except commands.TooSlow:
        raise Problem("%s: `%s` did not end within %d seconds." % (label, shown, _VERIFY_SECONDS)) from None
    except OSError as error:
        raise Problem(
            "%s is not %s that runs here: `%s` failed with %r. Is it built for the architecture %s?"
            % (label, wanted, shown, error.strerror, os.uname().machine)
        ) from None
    output = output.strip()
    if status or not re.search(verify["pattern"] or "", output):
        raise Problem("%s is not %s: `%s` %s %r. Nothing was switched." % (label, wanted, shown, "failed with" if status else "printed", output[:500]))
    return output


def _owner(params: dict[str, t.Any], check_mode: bool) -> tuple[int, int]:
    """The numeric owner and group, -1 for one that stays. A user that a check run's earlier task would make is unknown yet."""
    found = []
    for option, lookup, what in (("owner", pwd.getpwnam, "user"), ("group", grp.getgrnam, "group")):
        value = params[option]
        if value is None:
            found.append(-1)
        elif value.isdigit():
            found.append(int(value))
        else:
            try:
                found.append(lookup(value)[2])
            except KeyError:
                if not check_mode:
                    raise Problem("There is no %s %r on this host. Create it first, or correct %s." % (what, value, option)) from None
                found.append(-1)
    return found[0], found[1]


def _owned(path: str, owner: tuple[int, int]) -> bool:
    status = os.stat(path)
    return owner[0] in (-1, status.st_uid) and owner[1] in (-1, status.st_gid)


def _chown(folder: str, owner: tuple[int, int]) -> None:
    if owner == (-1, -1):
        return
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in folders + files:
            os.lchown(os.path.join(parent, name), *owner)
    os.chown(folder, *owner)  # last: it is what tells that all are done
