# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The attributes that every module of the collection states."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and say what a real run would change without changing anything.
  diff_mode:
    description: Says in diff mode what was, or in C(check_mode) would be, changed.
  idempotent:
    description:
      - When run twice in a row outside C(check_mode) with the same arguments, the second run reports no change.
      - This assumes that nobody else changed the managed thing between the two runs.
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and say what a real run would change without changing anything.
    details:
      - This module only reads. It does the same in C(check_mode).
  diff_mode:
    support: N/A
    description: Says in diff mode what was, or in C(check_mode) would be, changed.
    details:
      - This module only reads, so there is nothing to show.
  idempotent:
    support: full
    description:
      - When run twice in a row outside C(check_mode) with the same arguments, the second run reports no change.
      - This assumes that nobody else changed the managed thing between the two runs.
    details:
      - This module only reads, so it never reports a change.
"""

    # For the members of the action group, see meta/runtime.yml.
    ACTIONGROUP_MLOPS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/sparkflows.mlops.mlops) in C(module_defaults) to set the options that the group's modules share.
    support: full
    membership:
      - sparkflows.mlops.mlops
"""
