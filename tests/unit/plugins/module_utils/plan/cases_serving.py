# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Right and wrong settings of scorer and sagemaker. Every secret in them is the word geheim."""

from __future__ import annotations

import typing as t

Changes = dict[str, t.Any]

IMAGE: Changes = {
    "image": "registry.example.com/team/scorer:3.2.84",
    "container_port": 8080,
    "model_mount": "/model",
    "score_path": "/score",
}
ROLE = "arn:aws:iam::123456789012:role/serving"


def scorers(*changes: Changes, **shared: t.Any) -> Changes:
    """Scorers that can be served, each with its changes."""
    services = [{"name": "churn", "port": 9001, "model": {"path": "/srv/model"}, **IMAGE, **change} for change in changes]
    return {"scorer_services": services, **{"scorer_" + name: value for name, value in shared.items()}}


def endpoints(*changes: Changes, **shared: t.Any) -> Changes:
    """Endpoints that can be served, each with its changes."""
    entries = [{"name": "churn", "artifact": "s3://bucket/model.tar.gz", "instance_type": "ml.m5.large", **change} for change in changes]
    return {"sagemaker_endpoints": entries, "sagemaker_role_arn": ROLE, **{"sagemaker_" + name: value for name, value in shared.items()}}


#: Role, what is given, and how the only sentence begins.
WRONG: list[tuple[str, Changes, str]] = [
    ("scorer", scorers({"name": "Churn"}), "'Churn' is not a valid name for a scorer: 1 to 42 of a-z"),
    ("scorer", scorers({"port": 0}), "The scorer churn has the port 0, which is not a valid port."),
    ("scorer", scorers({"container_port": 70000}), "The scorer churn has the container_port 70000, which is not a valid port."),
    ("scorer", scorers({"container_port": 0}), "The scorer churn has no container_port. Set it for the scorer, or for all of them as scorer_container_port."),
    ("scorer", scorers({"image": ""}), "The scorer churn has no image. Set it for the scorer, or for all of them as scorer_image."),
    ("scorer", scorers({"image": "a b"}), "The image 'a b' is not a valid image name."),
    ("scorer", scorers({"imag": "x"}), "scorer_services: churn has imag, which is not known there. Did you mean image?"),
    ("scorer", scorers({"model": {"path": "srv"}}), "The model of the scorer churn has the path 'srv'; an absolute one without a colon is needed."),
    ("scorer", scorers({"model": {"path": "/m", "id": 5}}), "The model of the scorer churn is given by"),
    ("scorer", scorers({"model": {"pth": "/m"}}), "scorer_services: churn: model has pth, which is not known there. Did you mean path?"),
    ("scorer", scorers({"model_mount": "model"}), "The scorer churn has the path 'model', but an absolute one without a colon is needed."),
    ("scorer", scorers({"score_path": "score"}), "The scorer churn has the score_path 'score'; a path of letters"),
    ("scorer", scorers({"health_path": "/a b"}), "The scorer churn has the health_path '/a b'"),
    ("scorer", scorers({"memory_mb": 1}), "The scorer churn has the memory_mb 1; it must be at least 6."),
    ("scorer", scorers({"cpus": 0}), "The scorer churn has the cpus 0; it must be more than 0."),
    ("scorer", scorers({"user": "root"}), "The scorer churn would run as root."),
    ("scorer", scorers({"environment": {"A-B": "x"}}), "The scorer churn has the variable 'A-B', which is not a valid name for one."),
    ("scorer", scorers({"probe": {"columns": ["a"], "data": [[1, 2]]}}), "Row 1 of the probe of the scorer churn is not a list with one value"),
    ("scorer", scorers({}, probe={"column": ["a"]}), "scorer_services: churn: probe has column, which is not known there. Did you mean columns?"),
    ("scorer", scorers({}, {"port": 9002}), "Several scorers have the name churn. Give each its own."),
    ("scorer", scorers({}, {"name": "b"}), "Several scorers have the port 9001. Give each its own."),
    ("scorer", scorers({}, secret_environment={"other": {"A": "geheim"}}), "scorer_secret_environment names other, but there is no such scorer."),
    ("scorer", scorers({}, secret_environment={"churn": {"A": "geheim\n"}}), "scorer_secret_environment: churn: A must be a text of one line."),
    ("scorer", scorers({}, backend_port_first=80), "scorer_backend_port_first and scorer_backend_port_last are 80 and 21199;"),
    ("scorer", scorers({}, backend_port_last=20000), "scorer_backend_port_first and scorer_backend_port_last are 21000 and 20000;"),
    ("scorer", scorers({"port": 21005}), "The port 21005 lies between scorer_backend_port_first and scorer_backend_port_last"),
    ("scorer", scorers({}, release_pattern="x"), "scorer_release_pattern is 'x'; it needs {release} in it."),
    ("scorer", scorers({}, release_pattern="({release}"), "scorer_release_pattern is '({release}', which is not a regular expression"),
    ("scorer", {"scorer_environment": "A=b"}, "scorer_environment must be a dictionary, but it is the text 'A=b'."),
    ("scorer", {"scorer_command": ["a\nb"]}, "scorer_command: entry 1 is 'a\\nb'"),
    ("scorer", {"scorer_health_command": ["a\nb"]}, "scorer_health_command: entry 1 is 'a\\nb'"),
    ("scorer", {"scorer_listen_address": "0.0.0.0\n"}, "scorer_listen_address is '0.0.0.0\\n'"),
    ("scorer", {"scorer_request_timeout": 0}, "scorer_request_timeout is '0'"),
    ("scorer", {"scorer_drain_timeout": -1}, "scorer_drain_timeout is '-1'"),
    ("scorer", {"scorer_stop_timeout": -1}, "scorer_stop_timeout is '-1'"),
    ("scorer", {"scorer_registry_username": "u"}, "scorer_registry_username is given without scorer_registry_password."),
    ("scorer", {"scorer_registry_password": "geheim"}, "scorer_registry_password is given without scorer_registry_username."),
    ("scorer", {"scorer_registry_ca": "\0"}, "scorer_registry_ca is '…', but a text was expected."),
    ("scorer", {"scorer_pull_timeout": 0}, "scorer_pull_timeout is '0'"),
    ("scorer", {"scorer_sparkflows_release": "3\n"}, "scorer_sparkflows_release is '3\\n'"),
    ("scorer", {"scorer_version_key": "a\nb"}, "scorer_version_key is 'a\\nb'"),
    ("scorer", {"scorer_sparkflows_url": "x"}, "scorer_sparkflows_url is 'x'"),
    ("scorer", {"scorer_sparkflows_token": "geheim\n"}, "scorer_sparkflows_token must be a text of one line"),
    ("scorer", {"scorer_sparkflows_username": "a\nb"}, "scorer_sparkflows_username is 'a\\nb'"),
    ("scorer", {"scorer_sparkflows_password": 5}, "scorer_sparkflows_password must be a text of one line"),
    ("scorer", {"scorer_sparkflows_ca_path": "x"}, "scorer_sparkflows_ca_path is 'x'"),
    ("scorer", {"scorer_model_max_mb": 0}, "scorer_model_max_mb is '0'"),
    ("scorer", {"scorer_model_file_type": "a\nb"}, "scorer_model_file_type is 'a\\nb'"),
    ("scorer", {"scorer_model_ignore_metadata": ["a\nb"]}, "scorer_model_ignore_metadata: entry 1 is 'a\\nb'"),
    ("scorer", {"scorer_s3_access_key": "a"}, "scorer_s3_access_key is given without scorer_s3_secret_key."),
    ("scorer", {"scorer_s3_secret_key": "geheim"}, "scorer_s3_secret_key is given without scorer_s3_access_key."),
    ("scorer", {"scorer_s3_endpoint": "s3"}, "scorer_s3_endpoint is 's3'"),
    ("scorer", {"scorer_s3_region": "E U"}, "scorer_s3_region is 'E U'"),
    ("scorer", {"scorer_docker_socket": "docker.sock"}, "scorer_docker_socket is 'docker.sock'"),
    ("sagemaker", {"sagemaker_region": "Frankfurt"}, "sagemaker_region is 'Frankfurt', but a region's name"),
    ("sagemaker", {"sagemaker_region": None}, "sagemaker_region is required and not given."),
    ("sagemaker", {"sagemaker_account_id": "123"}, "sagemaker_account_id is '123', but the twelve digits of an account"),
    ("sagemaker", {"sagemaker_account_id": 123456789012}, "sagemaker_account_id must be a text, but it is the value '123456789012'."),
    ("sagemaker", {"sagemaker_access_key_id": "AKIA"}, "sagemaker_access_key_id is given without sagemaker_secret_access_key."),
    ("sagemaker", {"sagemaker_secret_access_key": "geheim"}, "sagemaker_secret_access_key is given without sagemaker_access_key_id."),
    ("sagemaker", {"sagemaker_session_token": "geheim"}, "sagemaker_session_token is given, which needs sagemaker_access_key_id. Give it."),
    ("sagemaker", {"sagemaker_profile": "a\nb"}, "sagemaker_profile is 'a\\nb'"),
    ("sagemaker", {"sagemaker_endpoint_url": "aws"}, "sagemaker_endpoint_url is 'aws'"),
    ("sagemaker", {"sagemaker_service_endpoint_urls": {"s3": "aws"}}, "sagemaker_service_endpoint_urls: s3 is 'aws'"),
    ("sagemaker", {"sagemaker_ca_path": "missing.pem"}, "sagemaker_ca_path is 'missing.pem', but there is no such file on the controller."),
    ("sagemaker", {"sagemaker_timeout": 0}, "sagemaker_timeout is '0'"),
    ("sagemaker", {"sagemaker_image_uri": "a b"}, "sagemaker_image_uri is 'a b'"),
    ("sagemaker", {"sagemaker_image": "a b"}, "sagemaker_repository and its image can't be made as they are: image is 'a b', which is not a valid image name."),
    ("sagemaker", {"sagemaker_image": "a", "sagemaker_image_uri": "b"}, "sagemaker_image and sagemaker_image_uri are both given."),
    ("sagemaker", {"sagemaker_repository": "Serving"}, "sagemaker_repository and its image can't be made as they are: name is 'Serving'"),
    ("sagemaker", {"sagemaker_image_tag": "a b"}, "sagemaker_repository and its image can't be made as they are: tag is 'a b'"),
    ("sagemaker", {"sagemaker_repository_kms_key": "k"}, "sagemaker_repository and its image can't be made as they are: kms_key goes with encryption=kms only"),
    ("sagemaker", {"sagemaker_repository_tags": {"a": "b\nc"}}, "sagemaker_repository_tags: a is 'b\\nc'"),
    ("sagemaker", {"sagemaker_base_image": ""}, "sagemaker_base_image is '', but an image's name was expected."),
    ("sagemaker", {"sagemaker_packages": ["a; reboot"]}, "sagemaker_packages: entry 1 is 'a; reboot'"),
    ("sagemaker", {"sagemaker_python_archive": "missing"}, "sagemaker_python_archive is 'missing', but there is no such file"),
    ("sagemaker", {"sagemaker_jdk_archive": "missing"}, "sagemaker_jdk_archive is 'missing', but there is no such file"),
    ("sagemaker", {"sagemaker_lock": "missing"}, "sagemaker_lock is 'missing', but there is no such file"),
    ("sagemaker", {"sagemaker_wheelhouse": "missing"}, "sagemaker_wheelhouse is 'missing', but there is no such file"),
    ("sagemaker", {"sagemaker_pip_index_url": "pypi"}, "sagemaker_pip_index_url is 'pypi'"),
    ("sagemaker", {"sagemaker_platform": "linux"}, "sagemaker_platform is 'linux', but a platform such as linux/amd64, or nothing was expected."),
    ("sagemaker", {"sagemaker_build_directory": "/"}, "sagemaker_build_directory is '/'"),
    ("sagemaker", {"sagemaker_build_timeout": 0}, "sagemaker_build_timeout is '0'"),
    ("sagemaker", {"sagemaker_push_timeout": 0}, "sagemaker_push_timeout is '0'"),
    ("sagemaker", {"sagemaker_role_arn": "serving"}, "sagemaker_role_arn is 'serving', but an ARN such as"),
    ("sagemaker", {"sagemaker_bucket": "My Bucket"}, "sagemaker_bucket is 'My Bucket'"),
    ("sagemaker", {"sagemaker_prefix": "a b"}, "sagemaker_prefix is 'a b'"),
    ("sagemaker", {"sagemaker_tracking_uri": "mlflow"}, "sagemaker_tracking_uri is 'mlflow'"),
    ("sagemaker", {"sagemaker_tracking_username": "a\nb"}, "sagemaker_tracking_username is 'a\\nb'"),
    ("sagemaker", {"sagemaker_tracking_password": "geheim\n"}, "sagemaker_tracking_password must be a text of one line"),
    ("sagemaker", endpoints({}, {}), "Each endpoint of sagemaker_endpoints needs a name of its own. The names are: churn, churn."),
    ("sagemaker", endpoints({"name": None}), "Each endpoint of sagemaker_endpoints needs a name of its own. The names are: (none)."),
    ("sagemaker", endpoints({"name": "a b"}), "sagemaker_endpoints: a b: name is 'a b'; an endpoint's name has"),
    ("sagemaker", endpoints({"instances": 1}), "sagemaker_endpoints: churn has instances, which is not known there."),
    ("sagemaker", endpoints({"instance_count": "1"}), "sagemaker_endpoints: churn: instance_count must be a whole number"),
    ("sagemaker", endpoints({}, role_arn=""), "sagemaker_endpoints: churn: it lacks execution_role_arn (sagemaker_role_arn). Give it"),
    ("sagemaker", endpoints({"artifact": "/srv/model"}), "sagemaker_endpoints: churn: it lacks bucket (sagemaker_bucket). Give it"),
    ("sagemaker", endpoints({"artifact": None, "model_uri": "models:/a/1"}, bucket="models"), "sagemaker_endpoints: churn: it lacks tracking_uri"),
    (
        "sagemaker",
        endpoints({"model_uri": "models:/a/1"}, tracking_uri="http://a", bucket="models"),
        "sagemaker_endpoints: churn: it needs either model_uri or",
    ),
    ("sagemaker", endpoints({"instance_type": None}), "sagemaker_endpoints: churn: Neither instance_type nor serverless is given."),
    ("sagemaker", endpoints({"instance_type": None, "serverless": {"memory_mb": 5}}), "sagemaker_endpoints: churn: serverless.memory_mb is 5;"),
    ("sagemaker", endpoints({"autoscaling": {"max_capacity": 2}}), "sagemaker_endpoints: churn: autoscaling lacks invocations_per_instance."),
    ("sagemaker", endpoints({"data_capture": {"s3_uri": "x"}}), "sagemaker_endpoints: churn: data_capture.s3_uri is 'x'; an S3 URI looks like"),
]

#: Settings about which nothing is said.
RIGHT: list[tuple[str, Changes]] = [
    ("scorer", scorers({}, {"name": "risk", "port": 9002, "model": {"s3_uri": "s3://bucket/folder"}, "probe": {"columns": ["a"], "data": [[1.0]]}})),
    ("scorer", scorers({"environment": {"A": 1}}, secret_environment={"churn": {"B": "geheim"}}, registry_username="u", registry_password="p")),
    ("scorer", {"scorer_state": "absent", "scorer_listen_address": "?"}),
    ("scorer", {"scorer_services": [{"name": "a", "port": 9001, "model": {"id": 7}}], **{"scorer_" + option: value for option, value in IMAGE.items()}}),
    ("sagemaker", endpoints({"probe": {"inputs": [1]}}, {"name": "b", "state": "absent"})),
    ("sagemaker", endpoints({"artifact": None, "model_uri": "models:/a/1"}, tracking_uri="https://mlflow", bucket="models")),
    ("sagemaker", {"sagemaker_state": "absent", **endpoints({"artifact": None}, role_arn="")}),
    ("sagemaker", {"sagemaker_image_uri": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:1", "sagemaker_base_image": ""}),
]
