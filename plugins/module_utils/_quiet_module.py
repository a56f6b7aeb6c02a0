# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The module class by its former name."""

from __future__ import annotations

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule as QuietModule
