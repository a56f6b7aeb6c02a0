# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How a module reaches a server over HTTP. The argument spec is C(connection_argument_spec) of module_utils/_http.py."""

    DOCUMENTATION = r"""
options:
  validate_certs:
    description:
      - Whether the certificate of an C(https) server is checked.
      - For a certificate of an own authority name the authority with O(ca_path) instead of turning the check off.
    type: bool
    default: true
  ca_path:
    description:
      - Path of a PEM file with the authorities to trust, on the host where the module runs.
      - Without it the authorities of that host are trusted.
    type: path
  use_proxy:
    description:
      - Whether the proxy named by the environment variables E(http_proxy), E(https_proxy) and E(no_proxy)
        of the host where the module runs is used.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that each single request may take as a whole, from looking up the host to the last byte of the answer.
      - A download may take longer as long as it brings at least 10 kB a second.
    type: int
    default: 30
notes:
  - Redirects are not followed, because a redirect usually leads to a login page. The error names the place it leads to.
"""
