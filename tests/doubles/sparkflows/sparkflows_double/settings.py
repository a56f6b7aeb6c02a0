# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the double.

Names that the vendor's documentation tells are used. Where it tells only a label, the name begins with `double.`:
nobody could guess it, and it is certainly not the product's.
"""

from __future__ import annotations

import typing as t


class Setting(t.NamedTuple):
    """One property of Administration → Configuration. Values are strings, switches "true" and "false"."""

    id: int
    name: str
    title: str
    description: str
    tab: str
    default: str = ""
    secret: bool = False


#: The four that the documented reply of /configurations/infer holds.
INFERRED = ("app.runOnCluster", "app.postMessageURL", "app.sparkSubmitJar", "hdfs.namenodeURI")
HOST, PORT, HOST_AND_PORT = "double.k31", "double.k32", "double.k33"

SETTINGS = (
    Setting(1, "app.runOnCluster", "Run on Spark Cluster", "Whether to run the jobs on the Spark cluster", "App", "true"),
    Setting(4, "app.postMessageURL", "Fire ui postback URL", "Where Spark jobs send their messages to", "App", "http://localhost:8080/messageFromSparkJob"),
    Setting(5, "app.sparkSubmitJar", "Spark Submit Jar File", "The jar that spark-submit is given", "App"),
    Setting(28, "hdfs.namenodeURI", "Namenode URI", "URI of the HDFS namenode", "HDFS", "hdfs://localhost:8020"),
    Setting(40, "uiSettings.enableSwagger", "Enable Swagger", "Whether the page of the REST API is shown", "UI Settings", "false"),
    Setting(41, "uiSettings.copilotLabel", "Copilot Label", "What the copilot is called", "UI Settings"),
    Setting(45, "module.workflowTypes", "Workflow Types", "Which kinds of workflows can be made", "Module", "both"),
    Setting(60, "mlops.mlflow.trackingURL", "MLflow Tracking URL", "Address of the MLflow tracking server", "MLOps"),
    Setting(61, "mlops.mlflow.deploy.mode", "MLflow Deploy Mode", "One of local, remote and fire_mlops_server", "MLOps", "local"),
    Setting(62, "mlops.port", "MLOps Port", "Port of a served model", "MLOps", "5000"),
    Setting(63, "mlops.models.state.values", "Model States", "The stages a model is promoted through", "MLOps", "Dev,QA,Production"),
    Setting(64, "mlops.target.deployment", "Target Deployment", "Where models are deployed to", "MLOps"),
    Setting(70, "double.k21", "MLflow Login Username", "User of the tracking server, if it asks for one", "MLOps"),
    Setting(71, "double.k22", "MLflow Login Password", "Password of that user", "MLOps", secret=True),
    Setting(72, HOST, "Fire MLOps Host", "Host that the Fire MLOps server runs on", "MLOps"),
    Setting(73, PORT, "Fire MLOps Port", "Port that the Fire MLOps server listens on", "MLOps"),
    Setting(74, HOST_AND_PORT, "Fire MLOps Host and Port", "Where the Fire MLOps server runs, as host:port", "MLOps"),
    Setting(75, "double.k41", "SSH User", "User for the login on the MLflow host", "MLOps"),
    Setting(76, "double.k42", "SSH Host", "The MLflow host", "MLOps"),
    Setting(77, "double.k43", "SSH Key Path", "Path of the private key on the Sparkflows host", "MLOps"),
    Setting(78, "double.k44", "SSH Key Vault Reference", "Where the key vault keeps the private key", "MLOps"),
    Setting(80, "mlops.aws.s3.access.key", "S3 Access Key", "Access key of the artifact store", "MLOps", secret=True),
    Setting(81, "mlops.aws.s3.secret.key", "S3 Secret Key", "Secret key of the artifact store", "MLOps", secret=True),
    Setting(82, "mlops.aws.s3.endpoint.url", "S3 Endpoint URL", "Address of a store that is not of AWS", "MLOps"),
    Setting(83, "mlops.aws.s3.ignore.tls", "S3 Ignore TLS", "Whether the certificate of the store goes unchecked", "MLOps", "false"),
    Setting(90, "mlops.region", "SageMaker Region", "AWS region of the endpoints", "MLOps"),
    Setting(91, "mlops.aws_id", "SageMaker Account Id", "AWS account of the endpoints", "MLOps"),
    Setting(92, "mlops.arn", "SageMaker Role ARN", "Role that the endpoints run as", "MLOps"),
    Setting(100, "mlops.kubeflow.username", "Kubeflow Username", "User of Kubeflow", "MLOps"),
    Setting(101, "mlops.kubeflow.password", "Kubeflow Password", "Password of that user", "MLOps", secret=True),
    Setting(102, "mlops.kubeflow.config.path", "Kubeflow Config Path", "Blank within the cluster", "MLOps"),
    Setting(103, "mlops.kubeflow.hostport", "Kubeflow Host and Port", "Blank within the cluster", "MLOps"),
    Setting(104, "mlops.kubeflow.namespace", "Kubeflow Namespace", "Namespace of the deployments", "MLOps", "sparkflows"),
    Setting(105, "mlops.deployment.container.port", "Deployment Container Port", "Port within the container", "MLOps", "5000"),
    Setting(106, "mlops.service.port", "Service Port", "Port of the service", "MLOps", "80"),
    Setting(107, "mlops.service.target.port", "Service Target Port", "Port that the service passes on to", "MLOps", "5000"),
    Setting(108, "mlops.timeout", "MLOps Timeout", "How long a deployment may take", "MLOps"),
)  # fmt: skip

BY_NAME = {setting.name: setting for setting in SETTINGS}
