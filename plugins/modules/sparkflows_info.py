#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_info
short_description: See whether Sparkflows is up and the login works
version_added: "1.0.0"
description:
  - Waits until Sparkflows says that it is healthy, reads its release, proves that the login works, and tells when the token expires.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._sparkflows.actiongroup_sparkflows
  - sparkflows.mlops._sparkflows
  - sparkflows.mlops._connection
options:
  wait:
    description:
      - Seconds to wait for a server that does not answer yet or is not healthy. Sparkflows needs some minutes to start.
      - An error that does not pass, such as a certificate that is not trusted, is not waited for.
    type: int
    default: 0
  login:
    description:
      - Whether to prove that the login works, by asking for what only somebody who is logged in is told. A login that does not work is an error.
      - With V(false) only the health is asked for, and the release where the server tells it to anybody.
    type: bool
    default: true
  token_warn_days:
    description: With how many days left O(sparkflows_token) counts as about to expire, which also gives a warning.
    type: int
    default: 14
  version_key:
    description: Key that the version stands under in what the server tells about its release.
    type: str
    default: releaseVersion
"""

EXAMPLES = r"""
- name: Wait for a server that was started just now
  sparkflows.mlops.sparkflows_info:
    sparkflows_url: https://sparkflows.example.com:8443
    wait: 300
    login: false

- name: See whether the token works and for how long
  sparkflows.mlops.sparkflows_info:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
    token_warn_days: 30
  register: sparkflows

- name: Stop before the token does
  ansible.builtin.assert:
    that: not sparkflows.token.about_to_expire
"""

RETURN = r"""
health:
  description: V(UP), or C(null) for a server that answers but has no health page that is known.
  returned: success
  type: str
  sample: UP
release:
  description: What the server tells about its release, in its own form. C(null) when it does not tell.
  returned: success
  type: raw
  sample: {releaseVersion: 3.2.28}
version:
  description: The value of O(version_key) in RV(release), C(null) when it is not there.
  returned: success
  type: str
  sample: 3.2.28
authenticated_as:
  description: How the module logged in - V(token), V(oauth) or V(session). C(null) with O(login=false).
  returned: success
  type: str
  sample: token
token:
  description: When O(sparkflows_token) expires, as it says itself. C(null) without a token, or when it does not say.
  returned: success
  type: dict
  contains:
    expires_at:
      description: Date and time in UTC.
      type: str
    days_left:
      description: Days until then, below 0 for an expired token.
      type: float
    about_to_expire:
      description: Whether that is within O(token_warn_days).
      type: bool
  sample: {expires_at: "2026-12-31T00:00:00Z", days_left: 38.5, about_to_expire: false}
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows, sparkflows_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.info import run


def call(module: QuietModule) -> dict[str, t.Any]:
    result = run(module.params, Sparkflows(module.params))
    if result["token"] and result["token"]["about_to_expire"]:
        module.warn("sparkflows_token expires on %s. Make a new one in good time." % result["token"]["expires_at"])
    return result


def main() -> None:
    run_module(
        call,
        dict(
            sparkflows_argument_spec(),
            wait={"type": "int", "default": 0},
            login={"type": "bool", "default": True},
            token_warn_days={"type": "int", "default": 14, "no_log": False},
            version_key={"type": "str", "default": "releaseVersion", "no_log": False},
        ),
        reads=True,
    )


if __name__ == "__main__":
    main()
