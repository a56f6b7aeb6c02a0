"""Fits a pyspark.ml regression, logs it to the tracking server of MLFLOW_TRACKING_URI and prints its URI as JSON.

The rows follow y = 3 a - b + 1 exactly, so that the predictions are known without the model. Needs a JDK 1.8 (JAVA_HOME).
"""

import json
import os
import tempfile

import mlflow
import mlflow.spark
import pandas as pd
from pyspark.ml import Pipeline
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression
from pyspark.sql import SparkSession

# The JVM and Snappy load libraries from their temporary folder, which is not always where TMPDIR says; and where the host's own name does not
# resolve, Spark needs to be told an address.
work = tempfile.TemporaryDirectory(prefix="train-")
os.environ["JAVA_TOOL_OPTIONS"] = f"-Djava.io.tmpdir={work.name} -Dorg.xerial.snappy.tempdir={work.name}"
os.environ["SPARK_LOCAL_DIRS"] = work.name
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
)
rows = [(float(a), float(b), 3.0 * a - b + 1.0) for a in range(6) for b in range(6)]
frame = spark.createDataFrame(rows, ["a", "b", "y"])
pipeline = Pipeline(
    stages=[
        VectorAssembler(inputCols=["a", "b"], outputCol="features"),
        LinearRegression(featuresCol="features", labelCol="y", solver="normal"),
    ]
)
model = pipeline.fit(frame)
mlflow.set_experiment("sparkflows-mlops-verify")
with mlflow.start_run(run_name="spark") as run:
    mlflow.spark.log_model(model, "model", input_example=pd.DataFrame({"a": [2.0], "b": [1.0]}))
print(json.dumps({"run_id": run.info.run_id, "source": "runs:/%s/model" % run.info.run_id}))
spark.stop()
work.cleanup()
