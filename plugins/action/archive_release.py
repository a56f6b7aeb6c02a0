# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an archive from the controller to the host, but only when the module says that the host lacks its release."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import fetch
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release as archive_release
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import transfer

MODULE = "sparkflows.mlops.archive_release"


class ActionModule(ActionBase):
    # A temporary folder on the host costs a round trip, so it is made only for a transfer.
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        args = dict(self._task.args)
        try:
            source = self._controller_path(args)
            if source is not None:
                self._know_digest(source, args)
        except Problem as problem:
            return dict(result, failed=True, msg=str(problem))

        result.update(self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars))
        if result.pop("needed", False) and source is not None and not result.get("failed") and not self._task.check_mode:
            try:
                result.update(self._with_archive(source, args, task_vars))
            except Problem as problem:
                return dict(result, failed=True, msg=str(problem))
            if "invocation" in result:
                result["invocation"]["module_args"].update(src=args["src"], remote_src=False, parts=None)
        return result

    def _controller_path(self, args: t.Mapping[str, t.Any]) -> str | None:
        """The file or folder on the controller that the task names, or None when the archive is elsewhere."""
        source = args.get("src")
        if (
            not isinstance(source, str)
            or args.get("home")
            or args.get("state") == "absent"
            or fetch.is_url(source)
            or boolean(args.get("remote_src") or False, strict=False)
        ):
            return None
        try:
            path: str = self._find_needle("files", os.path.expanduser(source))
        except AnsibleError:
            raise Problem(
                "There is no file or directory %s on the controller. Correct src, or set remote_src if the archive is on the host." % source
            ) from None
        return path if os.path.isdir(path) else str(self._loader.get_real_file(path))

    def _know_digest(self, source: str, args: dict[str, t.Any]) -> None:
        """Put the digest of the source into the arguments, or refuse a file whose digest is another than the one given."""
        given = args.get("sha256")
        if os.path.isdir(source):
            args["root"] = args.get("root") or "."
            found = archive_release.digest_of_folder(source)
        elif not given:
            raise Problem("sha256 is missing; no archive is used before its digest was compared. `sha256sum %s` prints it." % args["src"])
        else:
            found = digest_of(source)
        expected = archive_release.sha256_of_text(str(given)) if given else found
        if found != expected:
            raise Problem(
                "%s on the controller has the sha256 %s, but %s was expected. Nothing was transferred. Fetch it again or correct sha256."
                % (args["src"], found, expected)
            )
        args["sha256"] = found

    def _with_archive(self, source: str, args: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        """What the module says once the archive is on the host."""
        if os.path.isdir(source) or os.path.getsize(source) <= transfer.PART:
            return t.cast("dict[str, t.Any]", self._execute_module(module_name=MODULE, module_args=self._transferred(source, args), task_vars=task_vars))
        parts = transfer.send(self, source, args["sha256"], str((task_vars or {}).get("inventory_hostname")))
        there = dict(args, src=parts.folder, remote_src=True, parts=parts.number)
        result: dict[str, t.Any] = self._execute_module(module_name=MODULE, module_args=there, task_vars=task_vars)
        transfer.remove(self, parts)
        return result

    def _transferred(self, source: str, args: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Transfer the archive; returns the arguments with which the module finds it on the host."""
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        folder = self._connection._shell.tmpdir
        remote = self._connection._shell.join_path(folder, "archive")
        if os.path.isdir(source):
            with tempfile.NamedTemporaryFile(prefix="archive_release-") as packed:
                archive_release.pack(source, packed)
                packed.flush()
                self._transfer_file(packed.name, remote)
        else:
            self._transfer_file(source, remote)
        self._fixup_perms2((folder, remote))
        return dict(args, src=remote, remote_src=True)
