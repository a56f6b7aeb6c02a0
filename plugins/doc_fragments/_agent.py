# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where the MLOps agent is. The argument spec is C(agent_argument_spec) of module_utils/_agent.py."""

    DOCUMENTATION = r"""
options:
  agent_url:
    description:
      - URL of the MLOps agent, for example V(http://127.0.0.1:8086).
      - Without it the environment variable E(MLOPS_AGENT_URL) of the host where the module runs is read.
    type: str
    required: true
  agent_token:
    description:
      - Bearer token of the MLOps agent.
      - Without it the environment variable E(MLOPS_AGENT_TOKEN) of the host where the module runs is read.
    type: str
    required: true
"""
