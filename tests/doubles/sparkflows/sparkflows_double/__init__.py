# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of a Sparkflows server: it behaves as the public documentation shows, and is no part of the product."""

RELEASE = "3.2.1-double"
