# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where the MLflow tracking server is. The argument spec is C(tracking_argument_spec) of module_utils/_mlflow.py."""

    DOCUMENTATION = r"""
options:
  tracking_uri:
    description:
      - URL of the MLflow tracking server, for example V(http://127.0.0.1:5000).
      - Without it the environment variable E(MLFLOW_TRACKING_URI) of the host where the module runs is read.
      - Login data do not belong in the URL, which is shown in logs.
    type: str
    required: true
  tracking_username:
    description:
      - User name for a tracking server behind a reverse proxy with basic authentication.
      - Without it the environment variable E(MLFLOW_TRACKING_USERNAME) of the host where the module runs is read.
    type: str
  tracking_password:
    description:
      - Password that belongs to O(tracking_username).
      - Without it the environment variable E(MLFLOW_TRACKING_PASSWORD) of the host where the module runs is read.
    type: str
  tracking_token:
    description:
      - Bearer token for the tracking server. Not used when there is an O(tracking_username), as in MLflow itself.
      - Without it the environment variable E(MLFLOW_TRACKING_TOKEN) of the host where the module runs is read.
    type: str
"""
