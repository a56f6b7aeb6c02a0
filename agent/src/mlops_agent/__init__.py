# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An MLOps agent: registers, promotes and serves MLflow models on one host.

Each served model is a systemd unit of its own, so models outlive the agent.
"""

__version__ = "1.0.0"
