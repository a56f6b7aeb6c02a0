# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Runs programs with an environment of their own and a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class TooSlow(Problem):
    """A program did not end in time; it was killed, and all that it had started in its process group."""


def start(
    argv: t.Sequence[str], environment: dict[str, str], separate_errors: bool = False, stdin: t.Any = subprocess.DEVNULL, **options: t.Any
) -> subprocess.Popen[bytes]:
    """Start a program that by default reads nothing; its output, and by default its errors in between, come through `stdout`."""
    # AnsibleModule.run_command would pass on Ansible's own environment, and knows no time limit.
    return subprocess.Popen(  # pylint: disable=ansible-bad-function
        argv,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if separate_errors else subprocess.STDOUT,
        start_new_session=True,
        **options,
    )


def run(
    argv: t.Sequence[str],
    environment: dict[str, str] | None = None,
    timeout: float = 60,
    cwd: str = "/",
    pass_fds: t.Sequence[int] = (),
    text: str | None = None,
) -> tuple[int, str]:
    """The exit status of a program and all that it printed. It reads `text`, or nothing.

    Without `environment` it gets a plain one. Raises `OSError` when it can't be started and `TooSlow` after `timeout` seconds.
    """
    process = start(
        argv,
        {"PATH": PATH, "LC_ALL": "C"} if environment is None else environment,
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        cwd=cwd,
        pass_fds=pass_fds,
    )
    try:
        output = process.communicate(None if text is None else text.encode("utf-8"), timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        raise TooSlow("%s did not end within %d seconds." % (argv[0], timeout)) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, output.decode("utf-8", "replace")
