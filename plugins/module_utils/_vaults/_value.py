# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A key that is given itself, as by a lookup or a variable that Ansible Vault encrypts."""

from __future__ import annotations

import json

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import Vault, pick_field


class Value(Vault):
    """The option ``value``."""

    needs = ("value",)

    @property
    def what(self) -> str:
        return "The key given with value"

    def validate(self) -> None:
        super().validate()
        # Some versions of ansible-core make a dictionary of a text that looks like one.
        if not isinstance(self.params["value"], (str, dict)):
            raise Problem("value is not text. Give the private key itself, with quotes or as a block of lines (|).")

    def read(self) -> bytes:
        value = self.params["value"]
        return pick_field((json.dumps(value) if isinstance(value, dict) else value).encode("utf-8", "surrogateescape"), self.params["secret_field"], self.what)
