#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scorer_services
short_description: Run scorer images with their models, and replace them without losing a request
version_added: "1.0.0"
description:
  - Makes the containers of a host's scorers exactly those of O(services). Each has a port of its own, at which HAProxy answers and hands requests on.
  - A scorer is replaced when its image, its model or a setting of its container differs. The new container scores a row before the proxy sends it
    requests, and the old one ends when no request is under way to it any more. A new container that does not score is removed, and the old one goes on.
  - An image is pinned by its digest when it is first pulled. A tag that stands for another image later is reported and followed only when told so.
  - Nothing is known of the image, so its port, mount, environment and the form of its answers are options.
  - It works on one host and is made for the role C(scorer), which installs the engine and HAProxy.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._sparkflows.actiongroup_sparkflows
  - sparkflows.mlops._sparkflows
  - sparkflows.mlops._connection
attributes:
  check_mode:
    support: full
    details:
      - Asks registry, Sparkflows and S3, and pulls and downloads nothing. On a host without a docker engine everything is said to come.
  diff_mode:
    support: full
    details:
      - Shows image, digest, model and settings of each scorer, and the names of secret variables without their values.
  idempotent:
    support: full
    details:
      - With O(follow_tag=true) a tag that moves between two runs is a change.
options:
  sparkflows_url:
    description:
      - URL of Sparkflows, for its release and for models from its repository.
      - Without it the environment variable E(SPARKFLOWS_URL) of the host where the module runs is read.
    type: str
    required: false
  services:
    description:
      - The scorers of this host. Others that this module made are removed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the scorer, with which the names of its containers begin.
        type: str
        required: true
      port:
        description: The port at which it answers.
        type: int
        required: true
      image:
        description: Name of the image, with registry and tag or digest.
        type: str
        required: true
      image_archive:
        description: Path on the host of an archive made by C(docker save), from which the image is loaded instead of pulled.
        type: path
      model:
        description: The model. Exactly one of C(id), C(uuid), C(name), C(path) and C(s3_uri) is needed.
        type: dict
        required: true
        suboptions:
          id:
            description: Id in the model repository of Sparkflows.
            type: int
          uuid:
            description: UUID in the model repository of Sparkflows.
            type: str
          name:
            description: Name in the model repository of Sparkflows.
            type: str
          path:
            description: A folder of the host. It is mounted as it is, so do not change it in place; put another folder beside it and name that.
            type: str
          s3_uri:
            description: A folder of a bucket, such as V(s3://models/churn/3).
            type: str
          sha256:
            description: The digest that the zip file from Sparkflows has to have.
            type: str
          root:
            description: The folder in the zip file from Sparkflows that is mounted. See the module M(sparkflows.mlops.sparkflows_model).
            type: str
      container_port:
        description: The port at which the image answers inside its container.
        type: int
        required: true
      model_mount:
        description: Where the image expects the model. It is mounted there read-only.
        type: str
        required: true
      score_path:
        description: The path of the image's interface that scores rows.
        type: str
        required: true
      health_path:
        description: A path that has to answer with success before the scorer gets requests.
        type: str
      environment:
        description: Environment variables of the container. Secret ones belong into O(secret_environment).
        type: dict
        default: {}
      command:
        description: Arguments for the image instead of its own.
        type: list
        elements: str
        default: []
      user:
        description: The user and group in the container, by number. Never root.
        type: str
        default: "65534:65534"
      memory_mb:
        description: Memory of the container in MiB. It gets no swap beside it.
        type: int
        default: 1024
      cpus:
        description: How many processors it may use.
        type: float
        default: 1.0
      pids:
        description: How many processes and threads it may have.
        type: int
        default: 256
      tmpfs:
        description: Folders that it may write to, each 64 MiB in memory. Everything else is read-only.
        type: list
        elements: str
        default: [/tmp]
      health_command:
        description: A command inside the container that the engine runs every 30 seconds and reports as the container's health.
        type: list
        elements: str
        default: []
      start_timeout:
        description: Seconds until a new container has to score.
        type: int
        default: 120
      probe:
        description:
          - Rows that a container has to score. Without rows only O(services[].health_path) is asked, and without that only its port.
        type: dict
        default: {}
        suboptions:
          columns:
            description: Names of the columns of C(data).
            type: list
            elements: str
          data:
            description: Rows, sent in the form that MLflow's own scoring server takes.
            type: list
            elements: raw
          mlflow_version:
            description: Major version of MLflow whose form of rows the image takes.
            type: str
            choices: ["1", "2"]
            default: "1"
          body:
            description: The whole JSON body, for an image that takes another form.
            type: raw
          predictions:
            description: Where the predictions stand in the answer, such as V(result.scores). Without it, where MLflow puts them.
            type: str
          expected:
            description: The predictions to expect. Without it any are good.
            type: list
            elements: raw
          tolerance:
            description: How far a number may be away from the expected one, relative to the larger of the two.
            type: float
            default: 1.0e-6
  secret_environment:
    description: Secret environment variables by the name of the scorer, each a mapping of variable to value.
    type: dict
  state:
    description: V(absent) removes all scorers, the proxy, the models that were fetched and the images that were pinned.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description: Where state and fetched models are kept.
    type: path
    default: /var/lib/sparkflows-mlops/scorer
  docker_socket:
    description: The socket of the docker engine.
    type: path
    default: /var/run/docker.sock
  listen_address:
    description: The address of the host at which the scorers answer.
    type: str
    default: 127.0.0.1
  backend_port_first:
    description: First of the ports of the loopback that containers get.
    type: int
    default: 21000
  backend_port_last:
    description: Last of these ports.
    type: int
    default: 21199
  request_timeout:
    description: Seconds that scoring may take.
    type: int
    default: 120
  drain_timeout:
    description: Seconds that requests to an old container may take to end before it is stopped.
    type: int
    default: 300
  stop_timeout:
    description: Seconds that a container has to end by itself.
    type: int
    default: 10
  registry_username:
    description: Login at the registries of the images.
    type: str
  registry_password:
    description: Password or token of O(registry_username). It goes to the engine in a request and is written nowhere.
    type: str
  registry_ca:
    description: CA certificate of the registries in PEM format, as text. It is written where the engine looks for it.
    type: str
  pull_timeout:
    description: Seconds that the engine may be silent while it pulls or loads an image.
    type: int
    default: 600
  follow_tag:
    description: Whether a tag that stands for another image than the pinned one is followed.
    type: bool
    default: false
  release_check:
    description: Whether the image has to fit the release of Sparkflows.
    type: bool
    default: true
  sparkflows_release:
    description: The release of Sparkflows. Without it the server is asked.
    type: str
  version_key:
    description: The name of the release in what the server tells about itself.
    type: str
    default: releaseVersion
  release_pattern:
    description: Regular expression that the image's tag has to match, with V({release}) for the release.
    type: str
    default: (?<![0-9.]){release}(?![0-9])
  model_max_mb:
    description: How large a model may be, packed or unpacked, in megabytes of 1000000 bytes.
    type: int
    default: 8000
  model_file_type:
    description: What the download from Sparkflows is called in the last part of its address.
    type: str
    default: zipDownload
  model_ignore_metadata:
    description: Fields of Sparkflows' metadata that change without a change of the model.
    type: list
    elements: str
    default: []
  s3_access_key:
    description: Access key for models in S3. Without it, what boto3 finds on the host.
    type: str
  s3_secret_key:
    description: Secret key that belongs to O(s3_access_key).
    type: str
  s3_endpoint:
    description: Endpoint of an S3 store that is not Amazon's.
    type: str
  s3_region:
    description: Region of the S3 store.
    type: str
requirements:
  - A docker engine of version 20.10 or newer, and HAProxy 2.4 or newer with its systemd support, on the host
  - boto3 on the host, for models in S3 alone
notes:
  - Each image's settings are those of a container that was not trusted. It has no capabilities and no way to new privileges, a read-only file
    system besides O(services[].tmpfs), and limits of memory, processors and processes.
  - Both containers of a scorer run for a moment when it is replaced, so the host needs the memory of one more.
  - Processes that were started as root can see secret environment variables with C(docker inspect).
seealso:
  - module: sparkflows.mlops.sparkflows_model
  - module: sparkflows.mlops.model_score
"""

EXAMPLES = r"""
- name: Serve two models with the vendor's scorer
  sparkflows.mlops.scorer_services:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
    registry_username: deployer
    registry_password: "{{ registry_password }}"
    listen_address: 0.0.0.0
    services:
      - name: churn
        port: 9001
        image: registry.example.com/sparkflows/scorer:3.2.84
        container_port: 8080
        model_mount: /model
        score_path: /score
        model:
          name: churn
        probe:
          columns: [age, income]
          data: [[25, 31000]]
          expected: [0.125]
      - name: risk
        port: 9002
        image: registry.example.com/sparkflows/scorer:3.2.84
        container_port: 8080
        model_mount: /model
        score_path: /score
        model:
          path: /srv/models/risk-7

- name: Remove all scorers
  sparkflows.mlops.scorer_services:
    state: absent
"""

RETURN = r"""
services:
  description: The scorers of the host.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    port:
      description: The port at which it answers.
      type: int
    action:
      description: V(unchanged), V(created), V(replaced) or V(started), the last for one that had stopped.
      type: str
    seen:
      description:
        - How it was found, before anything was changed.
        - C(state) is V(serving) where it scored as it should, V(unhealthy) where it did not, with the reason in C(message), V(running) where it was not
          asked because its container is to be replaced anyway, V(stopped), V(missing), or V(unknown) where the engine does not run.
        - C(restarts) is how often the engine has started its container again by itself, C(null) without one.
      type: dict
    image:
      description: The image as it was named.
      type: str
    digest:
      description: The digest that it is pinned to. Of an archive it is the image's id. C(null) when it is not known before the pull.
      type: str
    model:
      description: The digest of the model, C(null) when it is not known before the download.
      type: str
    container:
      description: The id of the container that serves, C(null) when there is none yet.
      type: str
  sample:
    - name: churn
      port: 9001
      action: unchanged
      seen: {state: serving, message: "", restarts: 0}
      image: registry.example.com/sparkflows/scorer:3.2.84
      digest: sha256:5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79
      model: 0f2f8a9d7c11a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79
      container: 7c1b3caadadd346f4b1c3010879a28bb02d928326993de16e790f2f8a9d7c11a
differences:
  description: What was not as wanted, in the words of an admin. Of secret variables neither name nor value is told.
  returned: success
  type: list
  elements: dict
  contains:
    item:
      description: What differs.
      type: str
    before:
      description: How it was.
      type: str
    after:
      description: How it is now, or would be.
      type: str
    reason:
      description: Why that matters, empty where it is plain.
      type: str
  sample:
    - item: "churn: image"
      before: registry.example.com/sparkflows/scorer:3.2.84
      after: registry.example.com/sparkflows/scorer:3.2.85
      reason: ""
removed:
  description: The names of scorers that were removed.
  returned: success
  type: list
  elements: str
moved:
  description: Images whose name stands for another image than the pinned one.
  returned: success
  type: list
  elements: dict
  contains:
    image:
      description: The image as it was named.
      type: str
    pinned:
      description: The digest that is, or was, pinned.
      type: str
    now:
      description: The digest of the name now.
      type: str
release:
  description: The release of Sparkflows that the images fit, C(null) when that was not checked.
  returned: success
  type: str
  sample: 3.2.84
notes:
  description: What an admin should know although it is not an error, as sentences.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.options import ARGUMENT_SPEC
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.services import run


def main() -> None:
    run_module(
        lambda module: run(module.params, module.check_mode),
        ARGUMENT_SPEC,
        required_together=[("registry_username", "registry_password"), ("s3_access_key", "s3_secret_key")],
    )


if __name__ == "__main__":
    main()
