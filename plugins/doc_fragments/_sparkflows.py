# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where Sparkflows is and how to log in. The argument spec is C(sparkflows_argument_spec) of module_utils/_sparkflows.py."""

    DOCUMENTATION = r"""
options:
  sparkflows_url:
    description:
      - URL of Sparkflows, for example V(https://sparkflows.example.com:8443).
      - Without it the environment variable E(SPARKFLOWS_URL) of the host where the module runs is read.
    type: str
    required: true
  sparkflows_token:
    description:
      - Personal access token, as the user profile of Sparkflows makes one. Its duration is given in days there.
      - Sparkflows makes tokens only when its configuration C(module.enableTokenGeneration) is V(true), and takes them only when
        C(fire.cors.enable=true) and C(fire.security.csrf.enable=false) stand in its C(conf/application.properties).
      - Without it the environment variable E(SPARKFLOWS_TOKEN) of the host where the module runs is read.
    type: str
  sparkflows_username:
    description:
      - User name for a login by OAuth or session.
      - Without it the environment variable E(SPARKFLOWS_USERNAME) of the host where the module runs is read.
    type: str
  sparkflows_password:
    description:
      - Password that belongs to O(sparkflows_username).
      - Without it the environment variable E(SPARKFLOWS_PASSWORD) of the host where the module runs is read.
    type: str
  sparkflows_auth:
    description:
      - How to log in.
      - V(token) sends O(sparkflows_token) with each request, which costs no request of its own.
      - V(oauth) asks for an access token with O(sparkflows_username) and O(sparkflows_password) first. Since Sparkflows 3.3.11 a user
        has one such token at a time, so that plays that run at the same time with the same user can log each other out. A login that ended
        so is made again, once for each request.
      - V(session) logs in as the login page does, with a cookie.
      - V(auto) takes V(token) when there is one. Otherwise it takes V(oauth), and V(session) where the server does not offer that.
        A token that is refused is an error and not a reason to try another way.
    type: str
    choices: [auto, token, oauth, session]
    default: auto
  oauth_client_id:
    description: Client that Sparkflows knows for OAuth.
    type: str
    default: sparkflows
  oauth_client_secret:
    description: Secret of O(oauth_client_id). Without it the one that Sparkflows is delivered with is sent.
    type: str
  retries:
    description:
      - How often a request is tried again when no answer came, or the answer says that the server is not ready.
      - Only what cannot happen twice is tried again, which is reading, what was refused before it was sent, and what the server did not carry
        out because it had too many requests. A C(Retry-After) of up to a minute is kept.
    type: int
    default: 3
  retry_delay:
    description: Seconds to wait before a request is tried again.
    type: float
    default: 1.0
  rate_limit:
    description: Requests per second that are not exceeded. Without it there is no limit.
    type: float
"""

    # For the members of both action groups, see meta/runtime.yml.
    ACTIONGROUP_SPARKFLOWS = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/sparkflows.mlops.sparkflows) in C(module_defaults) to set address and login of Sparkflows once.
      - The options of the connection can also be set with C(group/sparkflows.mlops.mlops), together with those of the other modules that speak HTTP.
    support: full
    membership:
      - sparkflows.mlops.sparkflows
      - sparkflows.mlops.mlops
"""
