#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_config
short_description: Save settings in Sparkflows
version_added: "1.0.0"
description:
  - Makes settings under Administration, Configuration of Sparkflows have the given values, those for model serving with MLflow by
    options of their own, any other by its name.
  - Reads all settings once, saves only what differs with one request, and reads back what was kept. Nothing else is touched.
    When nothing differs, reading is the only request.
  - The names of some settings are public and built in. The others are found by their title in what the server returns, or named
    with O(key_names). When neither settles it, the error lists the candidates, and nothing is changed. A title has to say all that tells
    the option apart and nothing else, on a tab of MLflow or MLOps where the server returns tabs; what has a public name is never taken for
    another option.
  - The whole list is compared before and after saving. When a save made the server drop or empty a setting that was not sent, the task
    fails with the names.
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
  diff_mode:
    support: full
    details:
      - A secret is shown as the words C(a secret) and C(another secret). Secret is what a secret option gives, what the server flags
        as secret, what has a name or title that says so, such as password, pwd, secret, token, webhook or access key, and a value that shows it
        by its shape, such as a URL with a login, C(password=), a connection string or a private key.
  idempotent:
    support: partial
    details:
      - With O(update_secrets=always) a secret that the server masks is saved with every run.
options:
  tracking_url:
    description:
      - URL of the MLflow tracking server, as Sparkflows reaches it. Saved as C(mlops.mlflow.trackingURL).
    type: str
  tracking_username:
    description: User name that Sparkflows logs in to the tracking server with. Found by its title.
    type: str
  tracking_password:
    description: Password that belongs to O(tracking_username). Found by its title.
    type: str
  deploy_mode:
    description:
      - How Sparkflows deploys models. Saved as C(mlops.mlflow.deploy.mode).
      - Each mode needs settings that are given with it or are on the server already. All need O(tracking_url).
      - V(local), with MLflow on the same machine, needs nothing more, and does not go with settings of SSH or the MLOps server.
      - V(remote) also needs O(ssh_user), O(ssh_host), and O(ssh_key_path) or O(ssh_key_vault_reference), and does not go with
        O(mlops_host) and O(mlops_port).
      - V(fire_mlops_server) also needs O(mlops_host) and O(mlops_port).
    type: str
    choices: [local, remote, fire_mlops_server]
  mlops_host:
    description:
      - Host of the MLOps server. Found by its title.
      - Where the server keeps host and port in one setting, as C(host:port) or as a URL, the half that is not given stays as it is. An IPv6
        address is put in brackets there.
      - Where they are two settings, an IPv6 address is saved as it is given, with or without brackets, because it is not documented which
        of them Sparkflows expects.
    type: str
  mlops_port:
    description: Port of the MLOps server. Found by its title.
    type: int
  ssh_user:
    description: User that Sparkflows logs in as on the MLflow host. Found by its title.
    type: str
  ssh_host:
    description: The MLflow host that Sparkflows logs in to. Found by its title.
    type: str
  ssh_key_path:
    description: Absolute path of the private key on the Sparkflows host. Found by its title.
    type: str
  ssh_key_vault_reference:
    description: Where a key vault keeps the private key, in the form that Sparkflows expects. Found by its title.
    type: str
  s3_access_key:
    description: Access key of the artifact store. Saved as C(mlops.aws.s3.access.key).
    type: str
  s3_secret_key:
    description: Secret key of the artifact store. Saved as C(mlops.aws.s3.secret.key).
    type: str
  s3_endpoint:
    description: Address of an artifact store that is not Amazon's, for example V(10.2.0.10:9000). Saved as C(mlops.aws.s3.endpoint.url).
    type: str
  s3_ignore_tls:
    description: Whether the certificate of the artifact store goes unchecked. Saved as C(mlops.aws.s3.ignore.tls).
    type: bool
  sagemaker_region:
    description: AWS region for SageMaker. Saved as C(mlops.region).
    type: str
  sagemaker_account_id:
    description: AWS account for SageMaker, twelve digits. Saved as C(mlops.aws_id).
    type: str
  sagemaker_role_arn:
    description: ARN of the role that SageMaker runs the models as. Saved as C(mlops.arn).
    type: str
  settings:
    description:
      - Any other settings by the name of their property. Values are texts, numbers or truth values. An empty text clears a setting.
      - Ansible writes these values to the log of the host where the module runs. Use O(secret_settings) for secrets.
    type: dict
    default: {}
  secret_settings:
    description: As O(settings), for values that must not be shown.
    type: dict
    default: {}
  key_names:
    description:
      - Names of properties by option, for the options whose property is not found or is another one on this server.
      - The key C(mlops_host_port) names a property that keeps host and port together.
    type: dict
    default: {}
  update_secrets:
    description:
      - When a secret is saved that the server masks, so that it cannot be compared.
      - With V(when_changed_here), when it is not the one that was saved last from here. What was saved is remembered as a salted digest in
        O(secrets_state_path). A change that somebody else made in Sparkflows is not seen.
      - With V(always), with every run.
      - With V(on_create), only as long as the server has none.
      - A secret that the server shows as it is, is compared and saved when it differs, whatever is said here.
    type: str
    choices: [when_changed_here, always, on_create]
    default: when_changed_here
  secrets_state_path:
    description:
      - File on the host where the module runs, for O(update_secrets=when_changed_here). It has the mode V(0600) and holds one digest
        (scrypt) with its own random salt for each masked secret, never a secret.
      - Without the file, masked secrets are saved once more.
    type: path
    default: /var/lib/sparkflows-mlops/sparkflows-secrets.json
  secret_mask:
    description:
      - Regular expression that fits, as a whole, what the server shows in place of a secret, for example V(<hidden>).
        With V(.*) every secret counts as masked, as is needed where a server shows them encrypted.
      - Give V(.*) or an empty text for a server that shows nothing in place of a secret. That an empty one is not really empty is remembered in
        O(secrets_state_path) after saving; before, an empty secret is always set.
      - Without it, what has three or more asterisks or bullets in a row counts as a mask.
    type: str
  shadowing_file:
    description:
      - Absolute path of the C(conf/configuration.properties) of Sparkflows on the host where the module runs.
      - What that file sets wins over what is saved. Keys in it are returned in RV(shadowed), and a value that the file overrules, now or
        from the next start on, is an error that names the file and the key. Nothing is saved then.
    type: path
  normalise:
    description:
      - How to compare settings that the server writes down in a way of its own, kind by name of the property.
      - V(trimmed) ignores blanks at both ends, and so do all below. V(boolean) takes V(true), V(True), V(1), V(yes) and V(on) for one value.
        V(number) compares V(60) and V(60.0) as numbers. V(host) ignores capitals. V(url) ignores capitals in scheme and host, the scheme's own
        port and slashes at the end. V(exact) ignores nothing.
      - Options for addresses, ports and truth values are compared as what they are without this, and so are numbers and truth values in
        O(settings). Everything else is compared exactly. A secret always is.
    type: dict
    default: {}
notes:
  - C(null) on the server is the same as an empty text.
  - Only a setting that the server lists can be saved.
  - Two runs that save the same setting at the same time are not kept apart by Sparkflows. The one that does not find its value when
    it reads back fails and says so.
seealso:
  - module: sparkflows.mlops.sparkflows_config_info
  - module: sparkflows.mlops.sparkflows_info
"""

EXAMPLES = r"""
- name: Have models served by the MLOps server
  sparkflows.mlops.sparkflows_config:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
    tracking_url: https://mlflow.example.com:5443
    tracking_username: sparkflows
    tracking_password: "{{ mlflow_tracking_password }}"
    deploy_mode: fire_mlops_server
    mlops_host: mlflow.example.com
    mlops_port: 8086

- name: Log in to the MLflow host by SSH, on a server whose titles do not tell which setting is the host
  sparkflows.mlops.sparkflows_config:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_username: admin
    sparkflows_password: "{{ sparkflows_password }}"
    deploy_mode: remote
    tracking_url: http://mlflow.example.com:5000
    ssh_user: mlops
    ssh_host: mlflow.example.com
    ssh_key_path: /home/{{ sparkflows_user }}/.ssh/sparkflows_mlops
    key_names:
      ssh_host: name.that.this.server.lists

- name: Save the artifact store and two settings by their names
  sparkflows.mlops.sparkflows_config:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
    s3_endpoint: minio.example.com:9000
    s3_access_key: "{{ s3_access_key }}"
    s3_secret_key: "{{ s3_secret_key }}"
    s3_ignore_tls: false
    settings:
      mlops.models.state.values: Dev,QA,Production
      uiSettings.enableSwagger: true
    shadowing_file: /srv/fire/conf/configuration.properties
"""

RETURN = r"""
differences:
  description: What was not as wanted, in the words of an admin. Secrets are not shown.
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
  sample:
    - {item: "setting MLflow Tracking URL", before: nothing, after: "https://mlflow.example.com:5443"}
names:
  description: The property that each given option means.
  returned: success
  type: dict
  sample: {tracking_url: mlops.mlflow.trackingURL}
discovered:
  description: The given options whose property was found by its title.
  returned: success
  type: list
  elements: str
  sample: [tracking_username]
saved:
  description:
    - Names of the properties that were, or in check mode would be, saved.
    - When the task fails because not all values were kept, those that were.
  returned: success
  type: list
  elements: str
  sample: [mlops.mlflow.trackingURL]
lost:
  description:
    - Names of properties that were not sent and that the server dropped or emptied with the save. The task fails then.
  returned: success
  type: list
  elements: str
  sample: []
shadowed:
  description: Names of the given properties that O(shadowing_file) sets, too.
  returned: success
  type: list
  elements: str
  sample: []
requests:
  description: Number of requests that were sent, logins included.
  returned: success
  type: int
  sample: 3
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.config import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.settings import secret_texts


def call(module: QuietModule) -> dict[str, t.Any]:
    # What settings hold under the name of a secret is not shown either.
    module.no_log_values.update(secret_texts(module.params))
    return run(module.params, Sparkflows(module.params), module.check_mode, module.no_log_values.update)


def main() -> None:
    run_module(call, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
