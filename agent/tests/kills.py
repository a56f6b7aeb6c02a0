# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""At which of its writes a program under test is killed: at every fourth, or at each of them with `make kills-writes`."""

import os

EVERY = int(os.environ.get("KILL_EVERY", "4"))
#: Another seed kills at other writes.
FIRST = int(os.environ.get("KILL_SEED", "1")) % EVERY
