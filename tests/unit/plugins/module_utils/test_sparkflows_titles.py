# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every spelling of a label, beside every title that a neighbour may have: the right property, or none."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.property import Property, read_properties
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.titles import OPTIONS, PUBLIC, Names

# Spellings of each label of the admin guide that tell what is meant.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "tracking_username": (
        "MLflow Login Username", "MLflow Username", "MLflow User", "MLFLOW USER NAME", "ML Flow User Name", "Username for MLflow", "MLflow Tracking Username",
        "Tracking Username", "Tracking server: username", "User name of the tracking server", "MLflow Tracking Server User", "Login User (MLflow)",
        "MLflow user for tracking", "mlflow_username", "MLflow Basic Auth Username", "MLflow Tracking URL Username", "ml-flow login user-name",
    ),
    "tracking_password": (
        "MLflow Login Password", "MLflow Password", "Password for MLFLOW", "ML Flow Pass Word", "MLflow Tracking Password", "Tracking Password",
        "Password of the tracking server", "MLflow passwd", "MLflow PWD", "MLflow User Password", "Password of the MLflow user", "MLflow Basic Auth Password",
        "mlflow_password", "Tracking Server Login Password", "MLflow authentication: password",
    ),
    "ssh_user": (
        "SSH User", "SSH Username", "SSH user name", "User for SSH", "MLflow SSH User", "SSH User of the MLflow host", "SSH Login User", "ssh_user",
        "Remote SSH Username", "User (SSH)", "SSH-User", "MLOps SSH User", "SSH user on the MLflow machine",
    ),
    "ssh_host": (
        "SSH Host", "SSH Hostname", "SSH host name", "Host for SSH", "MLflow SSH Host", "SSH Host Address", "ssh_host", "SSH Host (MLflow)", "Remote SSH Host",
        "SSH-Host", "Host name of the MLflow server for SSH", "SSH login host",
    ),
    "ssh_key_path": (
        "SSH Key Path", "SSH Private Key Path", "SSH Private Key File", "Path of the SSH key", "SSH Key File Path", "SSH key file", "Location of the SSH key",
        "ssh_key_path", "MLflow SSH Key Path", "SSH PEM key file", "SSH Key Filename", "Path to your private SSH key (optional)",
    ),
    "ssh_key_vault_reference": (
        "SSH Key Vault Reference", "Key vault reference of the SSH key", "SSH Key in Key Vault", "SSH Private Key Keyvault Reference", "SSH key (vault)",
        "SSH Key Vault Secret Name", "SSH vault reference", "Vault path of the SSH key", "Key Vault ID of the SSH Private Key", "SSH Key Key-Vault Entry",
    ),
    "mlops_host": (
        "Fire MLOps Host", "Fire MLOps Hostname", "Fire ML Ops Host Name", "Host of the Fire MLOps Server", "FIRE MLOPS SERVER HOST", "Fire MLOps Host Address",
        "MLOps Server Host", "Host name of the MLOps server", "fire_mlops_host", "MLOps Server Hostname",
    ),
    "mlops_port": (
        "Fire MLOps Port", "Fire MLOps Server Port", "Port of the Fire MLOps server", "Fire ML Ops Port", "MLOps Server Port", "fire_mlops_port",
        "Port that the Fire MLOps server runs at", "Port of the MLOps server", "FIRE-MLOPS-PORT", "Fire MLOps port (required)",
    ),
    "mlops_host_port": (
        "Fire MLOps Host and Port", "Fire MLOps Host:Port", "Fire MLOps Host/Port", "Fire MLOps hostport", "Host and port of the Fire MLOps server",
        "MLOps Server Host and Port", "MLOps Host and Port", "Fire MLOps Server Host & Port",
    ),
}  # fmt: skip

# What stands beside them on a real server, public names first. None of it is ever what an option without a public name means.
NEIGHBOURS: tuple[tuple[str, str], ...] = (
    ("mlops.port", "MLOps Port"), ("mlops.port", "Fire MLOps Server Port"), ("mlops.kubeflow.username", "Kubeflow Username"),
    ("mlops.kubeflow.username", "MLflow User"),
    ("mlops.kubeflow.password", "MLflow Password"), ("mlops.kubeflow.hostport", "Kubeflow Host and Port"),
    ("mlops.kubeflow.hostport", "Fire MLOps Host and Port"),
    ("mlops.deployment.container.port", "Deployment Container Port"), ("mlops.service.port", "MLOps Server Port"), ("x.n", "EMR SSH User"),
    ("x.n", "EMR SSH Host"),
    ("x.n", "EMR SSH Key Path"), ("emr.ssh.user", "SSH User"), ("emrSshHost", "SSH Host"), ("livy.ssh.key", "SSH Key Path"), ("x.n", "User Activity Tracking"),
    ("x.n", "User Tracking"), ("x.n", "Track users"), ("x.n", "Enable User Tracking for MLflow"), ("x.n", "Password for tracking database"),
    ("x.n", "MLflow Database Password"), ("x.n", "MLflow Database User"), ("x.n", "MLflow Backend Store Username"), ("x.n", "Password Tracking"),
    ("x.n", "MLflow Password Expiry Days"), ("x.n", "Username Attribute"), ("x.n", "LDAP Manager Password"), ("x.n", "SMTP Username"), ("x.n", "SSH Port"),
    ("x.n", "SSH Host Key"), ("x.n", "SSH Known Hosts File"), ("x.n", "SSH Public Key Path"), ("x.n", "SSH Key Passphrase"), ("x.n", "SSH Key File Password"),
    ("x.n", "SSH User Password"), ("x.n", "SSH Jump Host"), ("x.n", "SSH Proxy User"), ("x.n", "SFTP User"), ("x.n", "SSH Key Vault"),
    ("x.n", "SSH Key Vault URL"),
    ("x.n", "SSH Key Vault User"), ("x.n", "SSH Key Vault Client Secret"), ("x.n", "Key Vault Name"), ("x.n", "Enable SSH"), ("x.n", "SSH Timeout"),
    ("x.n", "Spark Host"),
    ("x.n", "MLflow Host"), ("x.n", "MLflow Port"), ("x.n", "MLflow Experiment User"), ("x.n", "Fire Server Port"), ("x.n", "Fire Host"),
    ("x.n", "MLOps Model Port"),
    ("x.n", "MLOps Container Host"), ("x.n", "Email Host"), ("x.n", "Proxy Host and Port"), ("kafka.host", "Fire MLOps Host"), ("x.n", ""), ("x.n", "SSH"),
    ("x.n", "Databricks Tracking Username"), ("x.n", "Git Username"), ("x.n", "MLflow Tracking URL"), ("x.n", "MLOps Timeout"),
)  # fmt: skip

CASES = [(option, title) for option, titles in SPELLINGS.items() for title in titles]


def listed(*properties: tuple[str, str], tab: str = "") -> dict[str, Property]:
    entries = [{"confProperty": {"id": 1, "name": name, "value1": ""}, "title": title} for name, title in properties]
    return read_properties([{"title": tab, "configurations": entries}] if tab else entries)


def meant(option: str) -> tuple[str, ...]:
    return ("mlops_host", "mlops_port") if option == "mlops_host_port" else (option,)


def test_there_are_enough_spellings() -> None:
    assert len(CASES) >= 100 and len(set(CASES)) == len(CASES)
    assert {option for name in SPELLINGS for option in meant(name)} == set(OPTIONS) - set(PUBLIC)


@pytest.mark.parametrize(("option", "title"), CASES)
def test_each_spelling_beside_each_neighbour(option: str, title: str) -> None:
    """The right property is taken whatever stands before or behind it, and nothing else is."""
    for neighbour in ((), *((each,) for each in NEIGHBOURS)):
        for properties in ((("real.k", title), *neighbour), (*neighbour, ("real.k", title))):
            names = Names(listed(*properties), {})
            assert {each: names.found.get(each) for each in meant(option)} == dict.fromkeys(meant(option), "real.k"), neighbour
            others = {each: name for each, name in names.found.items() if each not in PUBLIC and each not in meant(option)}
            assert others == {}, neighbour


def test_each_spelling_beside_all_neighbours() -> None:
    for option, title in CASES:
        neighbours = [(name if name != "x.n" else "x.n%d" % number, other) for number, (name, other) in enumerate(NEIGHBOURS)]
        names = Names(listed(*neighbours, ("real.k", title)), {})
        assert {names.found.get(each) for each in meant(option)} == {"real.k"}, title


def test_all_labels_at_once() -> None:
    """Any spelling of one label beside any of the others: all are told apart."""
    separate = {option: titles for option, titles in SPELLINGS.items() if option != "mlops_host_port"}
    for turn in range(max(map(len, separate.values()))):
        titles = {option: spellings[turn % len(spellings)] for option, spellings in separate.items()}
        if ("fire" in titles["mlops_host"].lower()) != ("fire" in titles["mlops_port"].lower()):
            continue  # a server that says "Fire" of one half says it of both
        names = Names(listed(*(("k." + option, title) for option, title in titles.items())), {})
        assert {option: names.found.get(option) for option in titles} == {option: "k." + option for option in titles}


@pytest.mark.parametrize(("name", "title"), NEIGHBOURS)
def test_a_neighbour_alone_is_nobody(name: str, title: str) -> None:
    names = Names(listed((name, title), ("y", "Something Else")), {})
    assert not {option: found for option, found in names.found.items() if option not in PUBLIC}
    for option in set(OPTIONS) - set(PUBLIC):
        assert names.problems[option].startswith("No property has a title that fits %s. Name the right one in key_names; " % option)
        assert name not in [each.name for each in names.candidates[option]] or name not in ("mlops.port", "mlops.service.port")


# Titles that leave open what is meant: they stand among the candidates.
UNCLEAR = [
    ("mlops_port", ("Fire MLOps Server URL",)), ("mlops_port", ("MLOps Port",)), ("mlops_host", ("MLOps Host",)),
    ("mlops_port", ("Fire MLOps Server URL", "MLOps Server Port")),
    ("ssh_user", ("SSH User", "User for SSH")), ("ssh_key_path", ("SSH Private Key",)), ("ssh_key_vault_reference", ("SSH Key Vault",)),
    ("tracking_username", ("MLflow Login",)), ("tracking_password", ("MLflow Password", "Tracking Password")),
    ("mlops_host", ("Fire MLOps Host", "Fire MLOps Host and Port")),
    ("ssh_host", ("SSH Server",)), ("tracking_username", ("User Tracking",)),
]  # fmt: skip


@pytest.mark.parametrize(("option", "titles"), UNCLEAR)
def test_what_is_unclear_is_an_error_with_candidates(option: str, titles: tuple[str, ...]) -> None:
    names = Names(listed(("mlops.port", "MLOps Port"), *(("k.%d" % number, title) for number, title in enumerate(titles))), {})
    assert option not in names.found
    assert {"k.%d" % number for number in range(len(titles))} <= {each.name for each in names.candidates[option]}
    assert "mlops.port" not in names.problems[option]
    assert all(str(each) in names.problems[option] for each in names.candidates[option])


def test_the_bare_words_count_for_both_halves_together() -> None:
    names = Names(listed(("k.1", "MLOps Host"), ("k.2", "MLOps Port"), ("mlops.port", "MLOps Port")), {})
    assert (names.found["mlops_host"], names.found["mlops_port"]) == ("k.1", "k.2")


@pytest.mark.parametrize("tab", ["MLOps", "MLflow", "ML Flow", "Models / MLOps", "MLOPS SETTINGS"])
def test_the_tab_decides_where_there_are_tabs(tab: str) -> None:
    inside = {"title": tab, "configurations": [{"confProperty": {"name": "k.1", "value1": ""}, "title": "SSH User"}]}
    for other in ("EMR", "Connection", "AWS"):
        outside = {"title": other, "configurations": [{"confProperty": {"name": "k.2", "value1": ""}, "title": "SSH User"}]}
        for answer in ([inside, outside], [outside, inside], {tab: inside["configurations"], other: outside["configurations"]}):
            assert Names(read_properties(answer), {}).found["ssh_user"] == "k.1"
        alone = Names(read_properties([outside, {"title": tab, "configurations": [{"name": "k.3", "value1": "", "title": "SSH Port"}]}]), {})
        assert alone.problems["ssh_user"].startswith("No property on the MLflow or MLOps tab has a title that fits ssh_user.")
        assert "k.2 ('SSH User')" in alone.problems["ssh_user"]
        assert Names(read_properties([outside]), {"ssh_user": "k.2"}).found["ssh_user"] == "k.2"


def test_no_tab_of_ours_is_no_match() -> None:
    groups = [{"title": tab, "rows": [{"name": "k." + tab, "value1": "", "title": "SSH User"}]} for tab in ("EMR", "Connection")]
    assert "ssh_user" not in Names(read_properties(groups), {}).found


@pytest.mark.parametrize("wrapping", ["data", "content", "configurations", "result"])
def test_a_wrapping_is_no_tab(wrapping: str) -> None:
    entry = {"name": "k.1", "value1": "", "title": "SSH User"}
    assert Names(read_properties({wrapping: [entry, {"name": "k.2", "value1": ""}]}), {}).found["ssh_user"] == "k.1"
    assert Names(read_properties([{**entry, "tab": "MLOps"}, {**entry, "name": "k.2", "tab": "EMR"}]), {}).found["ssh_user"] == "k.1"


def test_what_was_named_for_one_option_is_no_other() -> None:
    properties: t.Any = listed(("k.1", "SSH Host"), ("k.2", "SSH Host"))
    names = Names(properties, {"ssh_user": "k.1"})
    assert (names.found["ssh_user"], names.found["ssh_host"]) == ("k.1", "k.2")
