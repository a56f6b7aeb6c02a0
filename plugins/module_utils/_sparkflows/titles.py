# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Which property of a Sparkflows server each friendly option means.

The public names are those of Sparkflows' documentation (MLOps, Admin Guide, and its page on Kubeflow). The names of the other
properties are not public, only their labels are, so that they are found by the title that the live server shows. A wrong match would
write a password into a stranger's setting, so a title has to say all that tells the option apart and nothing else.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.property import Property

#: The options whose property has a public name.
PUBLIC = {
    "tracking_url": "mlops.mlflow.trackingURL",
    "deploy_mode": "mlops.mlflow.deploy.mode",
    "s3_access_key": "mlops.aws.s3.access.key",
    "s3_secret_key": "mlops.aws.s3.secret.key",
    "s3_endpoint": "mlops.aws.s3.endpoint.url",
    "s3_ignore_tls": "mlops.aws.s3.ignore.tls",
    "sagemaker_region": "mlops.region",
    "sagemaker_account_id": "mlops.aws_id",
    "sagemaker_role_arn": "mlops.arn",
}
#: Every other name that the documentation shows. None of them is what an option without a public name means.
_DOCUMENTED = frozenset(PUBLIC.values()) | {
    "mlops.port", "mlops.models.state.values", "mlops.target.deployment", "mlops.kubeflow.username", "mlops.kubeflow.password", "mlops.kubeflow.config.path",
    "mlops.kubeflow.hostport", "mlops.kubeflow.namespace", "mlops.kubernetes.config.path", "mlops.kubernetes.images.namespace",
    "mlops.docker.registry.sparkflows", "mlops.docker.context.path", "mlops.fire.server.jar.name", "mlops.deployment.container.port", "mlops.service.port",
    "mlops.service.target.port", "mlops.timeout", "app.postMessageURL", "app.runOnCluster", "app.sparkSubmitJar", "app.mcp.type", "hdfs.namenodeURI",
    "module.workflowTypes", "module.enableTokenGeneration", "uiSettings.enableSwagger", "uiSettings.copilotLabel", "azure.access.type",
    "airflow.fire.jar.location",
}  # fmt: skip

#: The two halves that a server may keep in one property, as ``host:port``, and what ``key_names`` calls that one.
HOST, PORT, HOST_PORT = "mlops_host", "mlops_port", "mlops_host_port"

#: All friendly options, in the order of the admin guide.
OPTIONS = (
    "tracking_url", "tracking_username", "tracking_password", "deploy_mode", HOST, PORT,
    "ssh_user", "ssh_host", "ssh_key_path", "ssh_key_vault_reference",
    "s3_access_key", "s3_secret_key", "s3_endpoint", "s3_ignore_tls",
    "sagemaker_region", "sagemaker_account_id", "sagemaker_role_arn",
)  # fmt: skip

# The spellings of one word.
_SPELLINGS = (
    (re.compile(r"ml[\s_-]*flow"), " mlflow "),
    (re.compile(r"ml[\s_-]*ops"), " mlops "),
    (re.compile(r"user[\s_-]*names?\b"), " user "),
    (re.compile(r"host[\s_-]*names?\b"), " host "),
    (re.compile(r"host[\s_]*(?:[:/&+-]|and)?[\s_]*port\b"), " host port "),
    (re.compile(r"key[\s_-]*vault"), " vault "),
    (re.compile(r"file[\s_-]*(?:path|name)\b"), " path "),
    (re.compile(r"pass[\s_-]*words?\b|\bpasswd\b|\bpwd\b"), " password "),
    (re.compile(r"log[\s_-]*in\b"), " login "),
    (re.compile(r"ssh"), " ssh "),
)
_WORD = re.compile(r"[^\W_]+")
# Words that tell nothing.
_FILLERS = frozenset(
    ("the", "a", "an", "of", "for", "to", "at", "in", "on", "by", "with", "and", "is", "as", "your", "its", "this", "that", "which", "it", "where", "runs",
     "used", "optional", "required")
)  # fmt: skip
# Names with such a word belong to something else, whatever their titles say.
_FOREIGN = frozenset(
    ("adls", "airflow", "aws", "azure", "bigquery", "bitbucket", "cassandra", "databricks", "dataproc", "docker", "elastic", "email", "emr", "ftp",
     "gcp", "git", "github", "gitlab", "google", "hadoop", "hdfs", "hive", "influx", "jdbc", "jupyter", "kafka", "kubeflow", "kubernetes", "ldap",
     "livy", "mail", "mongo", "mysql", "notebook", "oauth", "oracle", "polars", "postgres", "redshift", "s3", "sagemaker", "saml", "sftp", "smtp",
     "snowflake", "solr", "spark", "sso", "synapse", "yarn")
)  # fmt: skip
_TABS = frozenset(("mlflow", "mlops"))
# In so many names that they tell nothing of what is alike.
_COMMON = frozenset(("mlops", "url", "server"))
_CANDIDATES = 10


class Rule(t.NamedTuple):
    """A title fits when it has a word of each group in ``needs``, beside these and ``may`` only fillers, and never ``never`` in a row."""

    needs: tuple[frozenset[str], ...]
    may: frozenset[str]
    never: str = ""

    def fits(self, title: tuple[str, ...]) -> bool:
        said = frozenset(title)
        known = self.may.union(_FILLERS, *self.needs)
        return all(group & said for group in self.needs) and said <= known and not (self.never and self.never in " ".join(title))


def _rule(needs: str, may: str = "", never: str = "") -> Rule:
    return Rule(tuple(frozenset(group.split("|")) for group in needs.split()), frozenset(may.split()), never)


# How the titles of the admin guide's labels look. "User tracking" is what a product does to its users.
_LOGIN = "mlflow tracking mlops fire sparkflows server login basic auth authentication http uri url"
_TITLES = {
    "tracking_username": _rule("mlflow|tracking user", _LOGIN, "user tracking"),
    "tracking_password": _rule("mlflow|tracking password", _LOGIN + " user", "password tracking"),
    "ssh_user": _rule("ssh user", "mlflow mlops server machine remote host login"),
    "ssh_host": _rule("ssh host", "mlflow mlops server machine remote login address ip"),
    "ssh_key_path": _rule("ssh key path|file|location", "mlflow mlops remote private pem identity"),
    # "SSH Key Vault" alone, or its name or URL, is the vault and not the key in it.
    "ssh_key_vault_reference": _rule("ssh vault key|secret|reference", "mlflow mlops private name path id entry"),
}
# The MLOps server's host and port, apart and in one property: with the guide's full wording, and without the product's name. That
# counts only where no title has it, and where nothing says "server" only for both halves, as the port of served models is called alike.
_ADDRESS = "server address ip"
_FULL = {HOST: _rule("fire mlops host", _ADDRESS), PORT: _rule("fire mlops port", "server"), HOST_PORT: _rule("fire mlops host port", _ADDRESS)}
_SERVER = {HOST: _rule("mlops server host", _ADDRESS), PORT: _rule("mlops server port"), HOST_PORT: _rule("mlops server host port", _ADDRESS)}
_BARE = {HOST: _rule("mlops host", "address ip"), PORT: _rule("mlops port"), HOST_PORT: _rule("mlops host port", "address ip")}


def title_words(title: str) -> tuple[str, ...]:
    """The words of a title in their order, each in one spelling."""
    text = title.casefold()
    for pattern, word in _SPELLINGS:
        text = pattern.sub(word, text)
    return tuple(_WORD.findall(text))


def name_words(name: str) -> frozenset[str]:
    """The words of a property's name, which are set apart by dots or capitals."""
    return frozenset(word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name))


class Names:
    """Which property each friendly option means on this server.

    ``found`` maps an option to the name of its property, ``discovered`` lists the options that were settled by a
    title, ``candidates`` maps each other option to the properties that it could mean and ``problems`` to a sentence.
    """

    def __init__(self, properties: t.Mapping[str, Property], key_names: t.Mapping[str, str]) -> None:
        self.properties = properties
        self.found: dict[str, str] = {}
        self.discovered: list[str] = []
        self.candidates: dict[str, list[Property]] = {}
        self.problems: dict[str, str] = {}
        tabs = {name: frozenset(title_words(prop.tab)) for name, prop in properties.items()}
        #: Whether the server tells which tab a property is on.
        self.tabbed = len(set(tabs.values())) > 1 or any(words & _TABS for words in tabs.values())
        # What is public, or was named for one option, is never meant by another.
        self._free = {
            name: title_words(prop.title)
            for name, prop in properties.items()
            if name not in _DOCUMENTED and name not in key_names.values() and (not self.tabbed or tabs[name] & _TABS)
        }
        for option in OPTIONS:
            if option in key_names:
                self._named(option, key_names[option])
            elif option in PUBLIC:
                self._public(option)
            elif option not in (HOST, PORT):
                self._titled(option, self._fitting(_TITLES[option], foreign=option == "ssh_key_vault_reference"), _TITLES[option])
        self._host_and_port(key_names)

    @property
    def joined(self) -> bool:
        """Whether host and port of the MLOps server are one property."""
        return HOST in self.found and self.found[HOST] == self.found.get(PORT)

    def _named(self, option: str, name: str, key: str = "") -> None:
        if name in self.properties:
            self.found[option] = name
        else:
            self._unknown(option, "key_names.%s is %s, which the server does not list" % (key or option, name), name)

    def _public(self, option: str) -> None:
        name = PUBLIC[option]
        if name in self.properties:
            self.found[option] = name
        else:
            self._unknown(option, "The server does not list %s, the public name of the property for %s" % (name, option), name)

    def _unknown(self, option: str, problem: str, name: str) -> None:
        self.candidates[option] = self._candidates(name_words(name))
        self.problems[option] = "%s. Name the right one in key_names; %s." % (problem, _listed(self.candidates[option]))

    def _fitting(self, rule: Rule, foreign: bool = False) -> list[Property]:
        """The properties whose title fits; ``foreign`` allows the names of other products, as a key vault has one."""
        return [self.properties[name] for name, words in self._free.items() if rule.fits(words) and (foreign or not name_words(name) & _FOREIGN)]

    def _titled(self, option: str, fitting: t.Sequence[Property], rule: Rule) -> None:
        if len(fitting) == 1:
            self.found[option] = fitting[0].name
            self.discovered.append(option)
        elif fitting:
            self.candidates[option] = list(fitting)
            self.problems[option] = "By their titles several properties could be meant by %s. Name the right one in key_names; %s." % (option, _listed(fitting))
        else:
            self.candidates[option] = self._candidates(frozenset().union(*rule.needs))
            where = " on the MLflow or MLOps tab" if self.tabbed else ""
            self.problems[option] = "No property%s has a title that fits %s. Name the right one in key_names; %s." % (
                where, option, _listed(self.candidates[option]),
            )  # fmt: skip

    def _host_and_port(self, key_names: t.Mapping[str, str]) -> None:
        if HOST_PORT in key_names:
            for option in (HOST, PORT):
                self._named(option, key_names[HOST_PORT], HOST_PORT)
            return
        halves = [option for option in (HOST, PORT) if option not in key_names]
        together: list[Property] = []
        apart: dict[str, list[Property]] = {option: [] for option in halves}
        full = any({"fire", "mlops"} <= set(words) for name, words in self._free.items() if not name_words(name) & _FOREIGN)
        for wording in (_FULL,) if full else (_SERVER, _BARE):
            together = self._fitting(wording[HOST_PORT]) if len(halves) == 2 else []
            apart = {option: self._fitting(wording[option]) for option in halves}
            if wording is _BARE and not all(apart.values()):
                apart = {option: [] for option in halves}
            if together or any(apart.values()):
                break
        everything = together + [prop for fitting in apart.values() for prop in fitting]
        for option in halves:
            # Beside a property for both, one for a half leaves open which of them counts.
            self._titled(option, everything if together else apart[option], _FULL[option])

    def _candidates(self, words: frozenset[str]) -> list[Property]:
        """What an option without a property could mean."""
        return [prop for prop in self.alike(words) if prop.name not in _DOCUMENTED and prop.name not in self.found.values()][:_CANDIDATES]

    def alike(self, words: frozenset[str]) -> list[Property]:
        """The properties that share words with a name or an option, the most alike first."""
        scores = []
        for name, prop in self.properties.items():
            shared = (name_words(name) | set(title_words(prop.title))) & words
            if shared - _COMMON:
                scores.append((-len(shared), name))
        return [self.properties[name] for dummy, name in sorted(scores)]


def hint(names: Names, name: str) -> str:
    """What may be said of a name that the server does not list: those that are alike, or nothing."""
    near = [str(prop) for prop in names.alike(name_words(name))[:_CANDIDATES]]
    return "; alike are %s" % ", ".join(near) if near else ""


def _listed(candidates: t.Sequence[Property]) -> str:
    if not candidates:
        return "none that the server lists looks like it"
    return "candidates are %s" % ", ".join(str(each) for each in candidates)
