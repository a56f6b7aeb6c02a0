# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model that needs no training: the sum of its columns, each with a weight."""

import json


class WeightedSum:
    def __init__(self, weights):
        self._weights = weights

    def predict(self, frame):
        return sum(frame[column] * weight for column, weight in self._weights.items())


def _load_pyfunc(path):
    with open(path) as file:
        return WeightedSum(json.load(file))
