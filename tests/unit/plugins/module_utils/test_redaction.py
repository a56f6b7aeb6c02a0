# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary in every shape in which a setting may carry a secret, and what must stay readable."""

from __future__ import annotations

import base64
import itertools
import json
import time

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import HIDDEN, holds_secret, shown

CANARIES = ("CANARY0123456789", "p@ss/w:rd", "x", "ümläut", "a b", "12345678", "pw#?&=")
PEM = "-----BEGIN %sPRIVATE KEY-----\nCANARY\n-----END %sPRIVATE KEY-----\n"

# Names and titles by which a value is a secret, whatever it looks like.
SECRET_NAMES = [
    "x.pwd", "db.PWD", "smtp_pwd", "mailPwd", "x.passwd", "x.password", "x.passphrase", "ldap.manager.pass", "x.pw", "bindCreds", "x.cred", "aws.credentials",
    "mlops.aws.s3.secret.key", "mlops.aws.s3.access.key", "apiKey", "api_key", "x.apikey", "accountKey", "azure.storage.account.key", "x.sas", "encryptionKey",
    "clientSecret", "x.token", "slackToken", "JWT", "x.webhook", "slack.webhook.url", "teamsWebhookUrl", "jdbc.connection.string", "connectionString", "x.dsn",
    "MLflow Login Password", "Personal Access Token", "Passwort", "PWD of the mailbox", "Webhook for alerts", "SASL JAAS Token", "license_key", "cookie.salt",
]  # fmt: skip
# Shapes with {} where the secret stands.
SHAPES = [
    "https://u:{}@h", "https://u:{}@h:8443/p?q=1", "postgresql+psycopg2://u:{}@h/db", "redis://:{}@h:6379/0", "jdbc:mysql://u:{}@h/db", "amqp://u:{}@h//v",
    "https://{}@github.com/o/r.git", "git+https://{}@h/r", "see https://u:{}@h for more", "a=1,b=mongodb://u:{}@h1,h2/db", "jdbc:oracle:thin:u/{}@//h:1521/s",
    "jdbc:x://h;user=u;Password={};x=1", "jdbc:mysql://h/db?user=u&password={}", "server=h;uid=u;PWD={}", "password={}", "passwd: {}", '{{"password": "{}"}}',
    "{{'client_secret': '{}'}}", "AccountName=a;AccountKey={};EndpointSuffix=x",
    "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey={}", "?sv=1&sig={}&se=2",
    "https://h/x?access_token={}", "https://h/x?key={}", "https://h/x?code={}", "https://h/x?a=1&X-Amz-Signature={}", "--password {}", "--api-key {}",
    "org.apache.X required username=\"u\" password=\"{}\";", "{{\\\"token\\\":\\\"{}\\\"}}", "api_key={}", "apikey: {}", "SECRET_KEY={}", "secret%3D{}",
]  # fmt: skip
WHOLE = [
    PEM % ("", ""), PEM % ("RSA ", "RSA "), PEM % ("OPENSSH ", "OPENSSH "), PEM % ("ENCRYPTED ", "ENCRYPTED "), (PEM % ("EC ", "EC ")).replace("\n", "\\n"),
    (PEM % ("", "")).replace("\n", " "), base64.b64encode((PEM % ("", "")).encode()).decode(), json.dumps({"k": PEM % ("", "")}), "PuTTY-User-Key-File-3: x",
    "https://hooks.slack.com/services/T0/B0/CANARY", "https://h.webhook.office.com/webhookb2/CANARY", "https://discord.com/api/webhooks/1/CANARY",
    "https://hooks.zapier.com/hooks/catch/1/CANARY", "https://chat.example.com/hooks/CANARY", "https://hook.eu1.make.com/CANARY",
    "AKIAIOSFODNN7EXAMPLE", "ghp_CANARY0123456789", "glpat-CANARY0123456789", "xoxb-1-CANARY", "hvs.CANARY0123456789", "eyJhbGciOi.eyJzdWIi.CANARY",
    "Bearer CANARY0123456789", "Basic dXNlcjpDQU5BUlk=", "Authorization: Bearer CANARY0123456789", "$6$salt$CANARY", "$2y$10$CANARY", "{SSHA}CANARY",
]  # fmt: skip
# What an admin has to see.
PLAIN = [
    ("mlops.mlflow.trackingURL", "MLflow Tracking URL", "https://mlflow.example.com:5443"), ("mlops.mlflow.deploy.mode", "MLflow Deploy Mode", "local"),
    ("mlops.aws.s3.endpoint.url", "S3 Endpoint URL", "10.2.0.10:9000"), ("mlops.arn", "SageMaker Role ARN", "arn:aws:iam::123456789012:role/service-role/x"),
    ("double.k43", "SSH Key Path", "/home/sparkflows/.ssh/id_ed25519"), ("double.k44", "SSH Key Vault Reference", "vault/ssh"),
    ("app.postMessageURL", "Fire ui postback URL", "http://localhost:8080/messageFromSparkJob"), ("hdfs.namenodeURI", "Namenode URI", "hdfs://h:8020"),
    ("module.workflowTypes", "Workflow Types", "both"), ("module.enableTokenGeneration", "", "true"), ("mlops.models.state.values", "", "Dev,QA,Production"),
    ("x", "", "https://h:5000/a@b"), ("x", "", "abfss://container@account.dfs.core.windows.net/p"), ("x", "", "ops@example.com"),
    ("x", "", "http://[::1]:5000/a"),
    ("mlops.kubeflow.password", "Kubeflow Password", ""), ("azure.access.type", "Access Type", "key"), ("x", "", "fire-spark_3.2.1-server-3.1.0-jar"),
    ("double.k21", "MLflow Login Username", "sparkflows"), ("app.compass", "Bypass the proxy", "host1,host2"), ("x", "Author", "J. Doe"),
    ("mlops.docker.context.path", "", "/usr/local/mlops"), ("x", "", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"),
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_or_a_title_says_it(name: str) -> None:
    for canary in CANARIES:
        assert holds_secret(canary, name) and holds_secret(canary, "x.y", name)
        assert shown(canary, name) == HIDDEN


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_says_it(shape: str) -> None:
    # Within a URL such characters are escaped by whoever writes it; what is not is no URL.
    in_url = [canary for canary in CANARIES if "://{}" not in shape or not set("/ ") & set(canary)]
    for canary, before, after in itertools.product(in_url, ("", "x ", "\n"), ("", "\nmore")):
        value = before + shape.format(canary) + after
        if " " in canary and "@" in shape:
            continue
        assert holds_secret(value, "plain.name", "Plain Title"), value
        assert canary not in shown(value) or canary == "x"


@pytest.mark.parametrize("value", WHOLE)
def test_a_whole_value_says_it(value: str) -> None:
    for text in (value, " " + value, value.strip() + "\n", "note: " + value):
        assert holds_secret(text, "plain.name", ""), text


@pytest.mark.parametrize(("name", "title", "value"), PLAIN)
def test_what_stays_readable(name: str, title: str, value: str) -> None:
    assert not holds_secret(value, name, title)
    assert shown(value, name, title) == "'%s'" % value


def test_a_hostile_value_takes_no_time() -> None:
    for text in ("//" + ":" * 8000, "://" * 2700, "$2$" * 2700, "password" * 1000, "a://b." * 1300, "eyJ" * 2700, "-" * 8000 + "password"):
        start = time.process_time()
        holds_secret(text, text)
        assert time.process_time() - start < 2
    assert holds_secret("x" * 10_000_000)
