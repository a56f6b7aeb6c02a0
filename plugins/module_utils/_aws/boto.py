# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The one way to boto3, for whoever speaks to AWS or to what speaks like it.

boto3 is loaded when a session is made: that takes a while, and a plan, which imports this with the vaults, seldom needs it. Who calls knows for what it
is needed, and makes its sentence of an ImportError and of botocore's errors.
"""

from __future__ import annotations

import os
import typing as t

_ATTEMPTS = 3


def session(
    region: t.Optional[str],
    aws_access_key_id: t.Optional[str] = None,
    aws_secret_access_key: t.Optional[str] = None,
    aws_session_token: t.Optional[str] = None,
    profile_name: t.Optional[str] = None,
) -> t.Any:
    """A session, which speaks to no server.

    Keys that are given win over those of the environment, and a token of the environment is never mixed with them. What is not given boto3 finds: in
    the environment, in the files of AWS' own tools, from the metadata service.
    """
    import boto3

    return boto3.Session(
        aws_access_key_id=aws_access_key_id,
        aws_secret_access_key=aws_secret_access_key,
        aws_session_token=aws_session_token,
        profile_name=profile_name,
        # boto3 knows AWS_DEFAULT_REGION alone; AWS_REGION is what other tools of AWS read, and what containers of AWS are given.
        region_name=region or os.environ.get("AWS_REGION") or None,
    )


def client(of: t.Any, service: str, endpoint: t.Optional[str], verify: t.Union[bool, str, None], connect: int, read: int) -> t.Any:
    """A client of a service that ends: it asks three times at most, and waits so many seconds each time.

    Without an endpoint botocore follows AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL and the profile, in this order:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

    :param of: a session.
    :param verify: whether certificates are checked, or the file of the authorities; None for what the environment says.
    """
    import botocore.config

    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    config = botocore.config.Config(connect_timeout=connect, read_timeout=read, retries=retries)
    return of.client(service, endpoint_url=endpoint or None, verify=verify, config=config)
