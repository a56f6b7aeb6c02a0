import numpy as np


class DoubledSum:
    def predict(self, frame):
        return 2.0 * np.asarray(frame, dtype=float).sum(axis=1)


def _load_pyfunc(path):
    return DoubledSum()
