# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How every module runs that asks AWS."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module

Pairs = t.Sequence[t.Sequence[str]]


def run_aws_module(
    call: t.Callable[[QuietModule, Aws], dict[str, t.Any]],
    argument_spec: dict[str, t.Any],
    mutually_exclusive: Pairs = (),
    required_together: Pairs = (),
    **rules: t.Any
) -> None:
    """`run_module` for options with those of the doc fragment ``_aws``: `call` is given a session, too, and the result names the ``calls`` made in it."""

    def with_session(module: QuietModule) -> dict[str, t.Any]:
        aws = Aws(module.params)
        return dict(call(module, aws), calls=aws.calls)

    run_module(
        with_session,
        argument_spec,
        # What it changes is at AWS, and not on the host where it runs.
        reads=True,
        mutually_exclusive=[("aws_profile", "aws_access_key_id"), *mutually_exclusive],
        required_together=[("aws_access_key_id", "aws_secret_access_key"), *required_together],
        required_by={"aws_session_token": ["aws_access_key_id"]},
        **rules
    )
