# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.tracking_login import pending, problem

DOCUMENTATION = r"""
name: tracking_login
short_description: Tell whether the tracking server takes a login
version_added: 1.0.0
description:
  - Judges the answer of a tracking server, asked with the login that Sparkflows is to be given, by its status.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, url, with_login
options:
  _input:
    description: One value of RV(sparkflows.mlops.host_info#module:host.urls), of a call of MLflow's API.
    type: dict
    required: true
  url:
    description: The tracking URL, for the sentence.
    type: str
    required: true
  with_login:
    description: Whether a user name was sent.
    type: bool
    required: true
"""

EXAMPLES = r"""
- name: Refuse a login that is not taken
  ansible.builtin.assert:
    that: judged.problem == ''
    fail_msg: "{{ judged.problem }}"
  vars:
    judged: "{{ {'status': 401, 'error': none} | sparkflows.mlops.tracking_login('https://mlflow.example.com:5443', true) }}"
"""

RETURN = r"""
_value:
  description: The judgement.
  type: dict
  contains:
    pending:
      description: Whether the answer says nothing about the login yet, so that it is worth waiting.
      type: bool
    problem:
      description: A sentence, empty when the login was taken.
      type: str
"""


def tracking_login(answer: t.Mapping[str, t.Any], url: str, with_login: t.Any) -> dict[str, t.Any]:
    """The judgement that the documentation describes."""
    return {"pending": pending(answer), "problem": problem(answer, url, bool(with_login))}


class FilterModule:
    """The filter's registration."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"tracking_login": tracking_login}
