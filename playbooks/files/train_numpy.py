"""Logs a numpy model to the tracking server of MLFLOW_TRACKING_URI and prints its URI as JSON.

The model doubles the sum of a row, so that its predictions are known without it.
"""

import json

import mlflow
import numpy as np
import pandas as pd


class DoubledSum(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return 2.0 * np.asarray(model_input, dtype=float).sum(axis=1)


mlflow.set_experiment("sparkflows-mlops-verify")
with mlflow.start_run(run_name="numpy") as run:
    mlflow.pyfunc.log_model("model", python_model=DoubledSum(), input_example=pd.DataFrame({"a": [1.0], "b": [2.0]}))
print(json.dumps({"run_id": run.info.run_id, "source": "runs:/%s/model" % run.info.run_id}))
