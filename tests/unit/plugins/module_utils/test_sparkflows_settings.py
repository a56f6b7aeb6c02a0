# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain decisions about settings: which property is meant, what is missing, what differs, what is shown."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.property import as_text, mask_pattern, read_properties
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.settings import Wanted, check_params, wanted_values
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.titles import OPTIONS, PUBLIC, Names
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.values import KINDS, alike_as, join_host_port, read_address, same

TITLES = {
    "mlops.mlflow.trackingURL": "MLflow Tracking URL",
    "mlops.mlflow.deploy.mode": "MLflow Deploy Mode",
    "mlops.port": "MLOps Port",
    "double.k21": "MLflow Login Username",
    "double.k22": "MLflow Login Password",
    "double.k31": "Fire MLOps Host",
    "double.k32": "Fire MLOps Port",
    "double.k41": "SSH User",
    "double.k42": "SSH Host",
    "double.k43": "SSH Key Path",
    "double.k44": "SSH Key Vault Reference",
    "mlops.kubeflow.username": "Kubeflow Username",
    "mlops.kubeflow.hostport": "Kubeflow Host and Port",
}


def listed(values=None, titles=None, **more):
    """Properties as a server lists them, with some values and with titles of the caller's own."""
    titles = dict(TITLES, **(titles or {}), **more)
    entries = [
        {"confProperty": {"id": number, "name": name, "value1": (values or {}).get(name, ""), "value2": ""}, "title": title, "description": ""}
        for number, (name, title) in enumerate(titles.items())
        if title is not None
    ]
    return read_properties(entries)


def parameters(**given):
    return dict(dict.fromkeys(OPTIONS), settings={}, secret_settings={}, key_names={}, normalise={}) | given


def wanted(properties, **given):
    params = parameters(**given)
    check_params(params)
    return {name: want.value for name, want in wanted_values(params, Names(properties, params["key_names"])).items()}


def refused(call, *args, **kwargs):
    with pytest.raises(Problem) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------------- the shapes


FLAT = {"id": 1, "name": "app.runOnCluster", "value1": "true", "value2": ""}
WRAPPED = {"confProperty": {"id": 1, "name": "app.runOnCluster", "value1": "true", "value2": "", "odd": [1]}, "title": "Run", "description": "Whether"}


@pytest.mark.parametrize(
    "answer",
    [[FLAT], [WRAPPED], {"App": [WRAPPED]}, [{"title": "App", "configurations": [FLAT]}], {"tabs": [{"name": "App", "rows": {"list": [WRAPPED]}}]}],
)
def test_every_shape_is_read(answer):
    properties = read_properties(answer)
    assert list(properties) == ["app.runOnCluster"]
    assert (properties["app.runOnCluster"].value, properties["app.runOnCluster"].id) == ("true", 1)


def test_an_entry_keeps_its_shape_and_its_unknown_fields():
    wrapped = read_properties([WRAPPED])["app.runOnCluster"]
    flat = read_properties([FLAT])["app.runOnCluster"]
    assert wrapped.with_value("false") == {**WRAPPED, "confProperty": {**WRAPPED["confProperty"], "value1": "false"}}
    assert flat.with_value("false") == {**FLAT, "value1": "false"}
    assert (FLAT["value1"], WRAPPED["confProperty"]["value1"]) == ("true", "true")
    assert (wrapped.title, wrapped.description, flat.title) == ("Run", "Whether", "")


@pytest.mark.parametrize("answer", [None, [], {}, [{"name": "x"}], "text", [[1, 2]]])
def test_an_answer_without_properties(answer):
    assert refused(read_properties, answer) == (
        "Sparkflows answered with no property in any of the known shapes. Check that sparkflows_url names it and that the login may manage configurations."
    )


@pytest.mark.parametrize("value, text", [(None, ""), (True, "true"), (False, "false"), (5000, "5000"), (0.5, "0.5"), (" a ", " a ")])
def test_values_are_texts(value, text):
    assert as_text(value) == text


# -------------------------------------------------------------------------------------------------- which property is meant


def test_what_is_public_and_what_is_found_by_title():
    names = Names(listed(), {})
    assert names.found == {
        "tracking_url": "mlops.mlflow.trackingURL", "deploy_mode": "mlops.mlflow.deploy.mode",
        "tracking_username": "double.k21", "tracking_password": "double.k22", "mlops_host": "double.k31", "mlops_port": "double.k32",
        "ssh_user": "double.k41", "ssh_host": "double.k42", "ssh_key_path": "double.k43", "ssh_key_vault_reference": "double.k44",
    }  # fmt: skip
    assert sorted(names.discovered) == sorted(set(names.found) - {"tracking_url", "deploy_mode"})
    assert not names.joined


def test_several_titles_are_no_answer():
    names = Names(listed(titles={"other.host": "Host for SSH"}), {})
    assert "ssh_host" not in names.found
    assert names.problems["ssh_host"] == (
        "By their titles several properties could be meant by ssh_host. Name the right one in key_names;"
        " candidates are double.k42 ('SSH Host'), other.host ('Host for SSH')."
    )
    assert Names(listed(titles={"other.host": "Host for SSH"}), {"ssh_host": "other.host"}).found["ssh_host"] == "other.host"


def test_no_title_names_what_is_alike_without_values():
    properties = listed({"double.k42": "CANARY"}, titles={"double.k42": "Remote Host"})
    assert Names(properties, {}).problems["ssh_host"] == (
        "No property has a title that fits ssh_host. Name the right one in key_names; candidates are double.k31 ('Fire MLOps Host'),"
        " double.k42 ('Remote Host'), double.k43 ('SSH Key Path'), double.k44 ('SSH Key Vault Reference')."
    )
    bare = Names(listed(titles={**dict.fromkeys(TITLES), "a.b": ""}), {})
    assert bare.problems["ssh_user"] == "No property has a title that fits ssh_user. Name the right one in key_names; none that the server lists looks like it."


def test_a_public_name_that_the_server_does_not_list():
    names = Names(listed(titles={"mlops.mlflow.trackingURL": None, "mlflow.tracking.uri": "MLflow Tracking URI"}), {})
    assert names.problems["tracking_url"].startswith(
        "The server does not list mlops.mlflow.trackingURL, the public name of the property for tracking_url. Name the right one in key_names; candidates are "
    )
    assert "mlflow.tracking.uri ('MLflow Tracking URI')" in names.problems["tracking_url"]
    named = Names(listed(), {"tracking_url": "mlflow.url"})
    assert named.problems["tracking_url"].startswith("key_names.tracking_url is mlflow.url, which the server does not list.")


JOINED = {"double.k31": None, "double.k32": None, "double.k33": "Fire MLOps Host and Port"}


def test_host_and_port_in_one_property():
    names = Names(listed(titles=JOINED), {})
    assert names.joined
    assert (names.found["mlops_host"], names.found["mlops_port"]) == ("double.k33", "double.k33")
    assert names.discovered.count("mlops_host") == 1
    named = Names(listed(titles={**JOINED, "double.k33": "Where it is"}), {"mlops_host_port": "double.k33"})
    assert named.joined
    assert not named.discovered.count("mlops_host")
    unknown = Names(listed(), {"mlops_host_port": "x"})
    assert unknown.problems["mlops_port"].startswith("key_names.mlops_host_port is x, which the server does not list.")


def test_host_and_port_together_and_apart_is_no_answer():
    names = Names(listed(titles={"double.k33": "Fire MLOps Host and Port"}), {})
    assert {"mlops_host", "mlops_port"} <= set(names.problems)
    assert Names(listed(titles={"double.k33": "Fire MLOps Host and Port"}), {"mlops_host": "double.k31", "mlops_port": "double.k32"}).problems.keys() == {
        option for option in PUBLIC if option.startswith(("s3", "sage"))
    }


@pytest.mark.parametrize(
    "value, parts",
    [
        ("a:1", ("", "a", "1", "")), ("a", ("", "a", "", "")), (":1", ("", "", "1", "")), ("", ("", "", "", "")), ("[::1]:80", ("", "::1", "80", "")),
        ("http://a:1", ("http://", "a", "1", "")), ("https://u:p@[fe80::1]:1/x", ("https://u:p@", "fe80::1", "1", "/x")), ("fe80::1:8086", None),
        ("a b", ("", "a b", "", "")),
    ],
)  # fmt: skip
def test_an_address_is_taken_apart_and_put_together(value, parts):
    address = read_address(value)
    assert address == parts
    if address:
        assert str(address) == value


def test_host_and_port_are_joined():
    assert wanted(listed(titles=JOINED), mlops_host="h", mlops_port=8086) == {"double.k33": "h:8086"}
    assert wanted(listed(titles=JOINED), mlops_host="fe80::1", mlops_port=8086) == {"double.k33": "[fe80::1]:8086"}
    assert wanted(listed(titles=JOINED), mlops_host="[fe80::1]", mlops_port=8086) == {"double.k33": "[fe80::1]:8086"}
    assert wanted(listed({"double.k33": "old:1"}, titles=JOINED), mlops_port=2) == {"double.k33": "old:2"}
    assert wanted(listed({"double.k33": "old:1"}, titles=JOINED), mlops_host="new") == {"double.k33": "new:1"}
    assert wanted(listed({"double.k33": "http://old:8086"}, titles=JOINED), mlops_port=8087) == {"double.k33": "http://old:8087"}
    assert wanted(listed({"double.k33": "https://[fe80::1]:8086/x"}, titles=JOINED), mlops_port=8087) == {"double.k33": "https://[fe80::1]:8087/x"}
    assert wanted(listed({"double.k33": "http://old"}, titles=JOINED), mlops_host="fe80::2") == {"double.k33": "http://[fe80::2]"}
    assert wanted(listed({"double.k33": "fe80::1:8086"}, titles=JOINED), mlops_host="h", mlops_port=1) == {"double.k33": "h:1"}
    assert refused(wanted, listed({"double.k33": "fe80::1:8086"}, titles=JOINED), mlops_port=8087) == (
        "The server keeps host and port of the MLOps server in one property, double.k33, whose value 'fe80::1:8086' is neither HOST:PORT nor a URL:"
        " give both mlops_host and mlops_port."
    )
    assert refused(wanted, listed(titles=JOINED), mlops_host="new") == (
        "The server keeps host and port of the MLOps server in one property, double.k33: mlops_port is missing."
    )
    assert refused(wanted, listed(titles=JOINED), mlops_port=1) == (
        "The server keeps host and port of the MLOps server in one property, double.k33: mlops_host is missing."
    )
    assert join_host_port("fe80::1", "1") == "[fe80::1]:1" and join_host_port("", "") == ""


# ------------------------------------------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize(
    "given, expected",
    [
        (
            {"tracking_url": "mlflow:5000"},
            "tracking_url is 'mlflow:5000', which is not an http:// or https:// address. Give one such as http://127.0.0.1:5000.",
        ),
        (
            {"tracking_url": "http://u:p@mlflow"},
            "tracking_url carries login data, which would be shown in logs. Take them out and use the options for credentials.",
        ),
        ({"mlops_port": 70000}, "mlops_port is 70000; a port is a number from 1 to 65535."),
        ({"mlops_host": "http://h"}, "mlops_host is 'http://h'; give a host name or an address alone, without scheme, user, port or path."),
        ({"mlops_host": "[::1]:8086"}, "mlops_host is '[::1]:8086'; give a host name or an address alone, without scheme, user, port or path."),
        ({"mlops_host": "fe80::1:8086:x"}, "mlops_host is 'fe80::1:8086:x', which is not an IPv6 address. Check its colons, and give no port."),
        ({"ssh_host": "[::1]"}, "ssh_host is '[::1]'; give a host name or an address alone, without scheme, user, port or path."),
        ({"ssh_host": "https://u:CANARY@h"}, "ssh_host is a secret; give a host name or an address alone, without scheme, user, port or path."),
        ({"s3_endpoint": "https://u:CANARY@h"}, "s3_endpoint is a secret; it has the form HOST:PORT or https://HOST:PORT, without login data."),
        ({"tracking_url": "http://::1:5000"}, "tracking_url is 'http://::1:5000'; write an IPv6 address in brackets, as in [2001:db8::1]:9000."),
        ({"s3_endpoint": "2001:db8::1:9000"}, "s3_endpoint is '2001:db8::1:9000'; write an IPv6 address in brackets, as in [2001:db8::1]:9000."),
        ({"normalise": {"a": "slash"}}, "normalise.a is 'slash'; a kind is one of exact, trimmed, boolean, number, host, url."),
        ({"ssh_host": "me@h"}, "ssh_host is 'me@h'; give a host name or an address alone, without scheme, user, port or path."),
        ({"ssh_host": "h:22"}, "ssh_host is 'h:22'; give a host name or an address alone, without scheme, user, port or path."),
        ({"ssh_key_path": "id_rsa"}, "ssh_key_path is 'id_rsa'; give the absolute path that the key has on the Sparkflows host."),
        ({"ssh_key_path": "/keys/"}, "ssh_key_path is '/keys/', which is a folder; give the path of the private key in it."),
        ({"s3_endpoint": "minio 9000"}, "s3_endpoint is 'minio 9000'; it has the form HOST:PORT or https://HOST:PORT, without login data."),
        ({"sagemaker_region": "Frankfurt"}, "sagemaker_region is 'Frankfurt'; it has the form eu-central-1."),
        (
            {"sagemaker_account_id": "12345678901"},
            "sagemaker_account_id is '12345678901'; it has the form of twelve digits; write it in quotes, or YAML takes leading zeros away.",
        ),
        ({"sagemaker_role_arn": "role/x"}, "sagemaker_role_arn is 'role/x'; it has the form arn:aws:iam::123456789012:role/NAME."),
        (
            {"tracking_password": "x\n"},
            "tracking_password has a line break or another control character in it. A value read from a file may need its last line break removed.",
        ),
        (
            {"s3_secret_key": ""},
            "s3_secret_key is empty, as it is when a lookup found nothing. To clear the property on the server, name it in settings with an empty value.",
        ),
        ({"settings": {"a": [1]}}, "settings.a is a list; a setting is a text, a number or a truth value. An empty text clears it."),
        ({"settings": {"a": None}}, "settings.a is null; a setting is a text, a number or a truth value. An empty text clears it."),
        ({"secret_settings": {"a": {}}}, "secret_settings.a is a dictionary; a setting is a text, a number or a truth value. An empty text clears it."),
        ({"secret_settings": {"a": ""}}, "secret_settings.a is empty, as it is when a lookup found nothing. To clear the property, name it in settings."),
        ({"settings": {"a": "1"}, "secret_settings": {"a": "2"}}, "a is given in settings and in secret_settings; give it once."),
        (
            {"ssh_key_path": "/k", "ssh_key_vault_reference": "r"},
            "ssh_key_path and ssh_key_vault_reference are both given; the key is on disk or in a key vault, so give one of them.",
        ),
        (
            {"deploy_mode": "local", "tracking_url": "http://h", "ssh_user": "u", "mlops_port": 1},
            "deploy_mode is local, which does not go with mlops_port, ssh_user. Leave out the one or choose another mode.",
        ),
        (
            {"deploy_mode": "remote", "mlops_host": "h"},
            "deploy_mode is remote, which does not go with mlops_host. Leave out the one or choose another mode.",
        ),
        ({"deploy_mode": "fire_mlops_server", "mlops_host": ""}, "deploy_mode is fire_mlops_server, which needs mlops_host, but that is empty."),
        ({"key_names": {"mlops_prot": "x"}}, None),
        ({"key_names": {"ssh_user": 5}}, "key_names.ssh_user is not the name of a property."),
        (
            {"key_names": {"mlops_host_port": "x", "mlops_port": "y"}},
            "key_names has mlops_host_port, which stands for one property with both, beside mlops_host or mlops_port. Keep the one or the others.",
        ),
    ],
)
def test_bad_input(given, expected):
    text = refused(check_params, parameters(**given))
    if expected is None:
        assert text.startswith("key_names has mlops_prot, which is not an option that a property can be named for. There are: tracking_url, ")
    else:
        assert text == expected


def test_a_good_input_of_each_kind():
    check_params(
        parameters(
            tracking_url="https://h:5443/mlflow", deploy_mode="fire_mlops_server", mlops_host="fe80::1", mlops_port=8086, ssh_user="u", ssh_host="h",
            ssh_key_path="/k", s3_endpoint="10.2.0.10:9000", normalise={"a": "number"}, sagemaker_region="us-gov-west-1", sagemaker_account_id="012345678901",
            sagemaker_role_arn="arn:aws-us-gov:iam::012345678901:role/service-role/x", settings={"a": 1, "b": True, "c": "", "d": "two\nlines"},
        )
    )  # fmt: skip
    for host in ("h", "10.0.0.1", "::1", "[2001:db8::1]", "fe80::1%eth0", "2001:db8::1"):
        check_params(parameters(mlops_host=host, tracking_url="http://[2001:db8::1]:5000", s3_endpoint="[2001:db8::1]:9000"))


@pytest.mark.parametrize(
    "given, values, expected",
    [
        ({"deploy_mode": "local"}, {}, "deploy_mode is local, which needs tracking_url: not given, and not set on the server."),
        (
            {"deploy_mode": "remote", "tracking_url": "http://h"}, {"double.k42": "h"},
            "deploy_mode is remote, which needs ssh_user, ssh_key_path or ssh_key_vault_reference: not given, and not set on the server.",
        ),
        (
            {"deploy_mode": "fire_mlops_server", "mlops_host": "h"}, {"mlops.mlflow.trackingURL": "http://h"},
            "deploy_mode is fire_mlops_server, which needs mlops_port: not given, and not set on the server.",
        ),
        ({"deploy_mode": "local", "settings": {"mlops.mlflow.trackingURL": "http://h"}}, {}, None),
        ({"deploy_mode": "fire_mlops_server"}, {"mlops.mlflow.trackingURL": "u", "double.k31": "h", "double.k32": "1"}, None),
        ({"deploy_mode": "remote", "ssh_key_vault_reference": "r"}, {"mlops.mlflow.trackingURL": "u", "double.k41": "u", "double.k42": "h"}, None),
    ],
)  # fmt: skip
def test_what_a_mode_needs(given, values, expected):
    if expected is None:
        assert wanted(listed(values), **given)["mlops.mlflow.deploy.mode"] == given["deploy_mode"]
    else:
        assert refused(wanted, listed(values), **given) == expected


def test_what_a_mode_needs_of_a_joined_property():
    both = {"mlops.mlflow.trackingURL": "u", "double.k33": "h:1"}
    assert wanted(listed(both, titles=JOINED), deploy_mode="fire_mlops_server") == {"mlops.mlflow.deploy.mode": "fire_mlops_server"}
    assert refused(wanted, listed({**both, "double.k33": "h"}, titles=JOINED), deploy_mode="fire_mlops_server") == (
        "deploy_mode is fire_mlops_server, which needs mlops_port: not given, and not set on the server."
    )


def test_all_problems_are_told_at_once():
    strange = {"nothing.alike": "1", "mlops.prot": 2}
    text = refused(wanted, listed(titles={"double.k41": None}), ssh_user="u", s3_endpoint="h", settings=strange, deploy_mode="remote")
    lines = text.split("\n")
    assert len(lines) == 5
    assert lines[2] == "settings.nothing.alike is not a property that the server lists."
    assert lines[3].startswith("settings.mlops.prot is not a property that the server lists")


def test_a_property_is_given_once():
    assert refused(wanted, listed(), ssh_user="a", settings={"double.k41": "b"}) == (
        "ssh_user and settings.double.k41 both mean the property double.k41; give one of them."
    )


# ------------------------------------------------------------------------------------------------------------ what differs


def different(value, want, policy="when_changed_here", secret=True, known=False, mask=None, shows_nothing=False):
    properties = listed({"double.k22": value})
    wanted = {"double.k22": Wanted(want, secret, "x")}
    return bool(settings.differing(wanted, properties, policy, mask_pattern(mask), lambda name, value: known, lambda name: shows_nothing))


@pytest.mark.parametrize(
    "policy, known, saved", [("when_changed_here", False, True), ("when_changed_here", True, False), ("always", True, True), ("on_create", False, False)]
)
@pytest.mark.parametrize("masked", ["***", "********", "•••••", "ab***"])
def test_a_masked_secret_is_a_question_of_policy(policy, known, saved, masked):
    assert different(masked, "new", policy, known=known) is saved


@pytest.mark.parametrize("policy", ["when_changed_here", "always", "on_create"])
def test_a_readable_secret_is_compared(policy):
    assert different("old", "new", policy, known=True) is True
    assert different("same", "same", policy) is False
    assert different("", "new", policy, known=True) is True
    assert different("***", "***", policy) is False


def test_masks_of_the_operator():
    assert different("<hidden>", "new", known=True, mask="<hidden>") is False
    assert different("c2VjcmV0", "new", known=True, mask=".*") is False
    assert different("", "new", known=True, mask="", shows_nothing=True) is False
    assert different("", "new", known=True, mask="") is True
    assert different("***", "new", known=True, mask="<hidden>") is True
    assert refused(mask_pattern, "****").startswith("secret_mask is not a regular expression (")


# A memory that knows every secret.
ALL_KNOWN = (lambda name, value: True, lambda name: True)


@pytest.mark.parametrize("mask", [".*", ""])
def test_an_empty_secret_is_set_unless_the_server_is_known_to_show_nothing(mask):
    for policy in ("on_create", "when_changed_here", "always"):
        assert different("", "new", policy, known=True, mask=mask) is True
    assert different("", "new", "on_create", mask=mask, shows_nothing=True) is False
    assert different("", "new", "when_changed_here", mask=mask, shows_nothing=True) is True
    assert different("", "new", "when_changed_here", known=True, mask=mask, shows_nothing=True) is False


def test_asterisks_in_other_settings_are_values():
    properties = listed({"mlops.port": "***"})
    assert settings.differing({"mlops.port": Wanted("*", False, "x")}, properties, "on_create", None, *ALL_KNOWN) == ["mlops.port"]


def test_blanks_count():
    properties = listed({"mlops.port": "5000 "})
    assert settings.differing({"mlops.port": Wanted("5000", False, "x")}, properties, "always", None, *ALL_KNOWN) == ["mlops.port"]


@pytest.mark.parametrize(
    "name, title, secret",
    [
        ("mlops.aws.s3.secret.key", "", True), ("mlops.aws.s3.access.key", "", True), ("double.k22", "MLflow Login Password", True), ("x.passwd", "", True),
        ("apiKey", "", True), ("x", "Personal Access Token", True), ("double.k43", "SSH Key Path", False), ("double.k44", "SSH Key Vault Reference", False),
        ("azure.access.type", "Access Type", False), ("x.pwd", "", True), ("mlops.mlflow.trackingURL", "MLflow Tracking URL", False),
    ],
)  # fmt: skip
def test_what_is_a_secret(name, title, secret):
    assert read_properties([{"name": name, "value1": "", "title": title}])[name].secret is secret


@pytest.mark.parametrize(
    "value, secret",
    [("jdbc:mysql://u:p@h/db", True), ("jdbc:x;Password=p", True), ("https://h:5000/a@b", False), ("http://token@h", True), ("hdfs://h:1", False)]
)
def test_a_value_may_hold_a_secret(value, secret):
    assert read_properties([{"name": "a", "value1": value}])["a"].secret is secret


def test_the_server_may_flag_a_secret():
    assert read_properties([{"name": "a", "value1": "", "secret": True}])["a"].secret


def test_secrets_are_words_in_the_diff():
    properties = listed({"mlops.port": "1", "double.k22": "CANARY-old", "double.k41": ""}, titles={"api.token": ""})
    wanted = {
        "mlops.port": Wanted("2", False, "x"), "double.k22": Wanted("CANARY-new", False, "x"), "double.k41": Wanted("CANARY", True, "x"),
        "api.token": Wanted("CANARY", False, "x"),
    }  # fmt: skip
    assert settings.shown_diff(list(wanted), wanted, properties) == {
        "before": {"mlops.port": "1", "double.k22": "a secret", "double.k41": "", "api.token": ""},
        "after": {"mlops.port": "2", "double.k22": "another secret", "double.k41": "a secret", "api.token": "a secret"},
    }


def test_a_secret_in_a_value_is_a_word_in_the_diff():
    properties = listed({"mlops.port": "https://u:CANARY@h"}, titles={"plain": "", "other": ""})
    wanted = {"mlops.port": Wanted("1", False, "x"), "plain": Wanted("jdbc:x;password=CANARY", False, "x"), "other": Wanted("https://u:CANARY@h", False, "x")}
    assert settings.shown_diff(list(wanted), wanted, properties) == {
        "before": {"mlops.port": "a secret", "plain": "", "other": ""},
        "after": {"mlops.port": "another secret", "plain": "a secret", "other": "a secret"},
    }
    assert settings.secret_texts(parameters(settings={"plain": "jdbc:x;password=CANARY", "port": 1})) == {"jdbc:x;password=CANARY"}


def test_what_a_server_kept():
    names = {"double.k41": "u", "double.k42": "h", "double.k43": "/k", "double.k22": "p", "mlops.port": "1"}
    wanted = {name: Wanted(value, name == "double.k22", "x") for name, value in names.items()}
    after = listed({"double.k41": "u", "double.k43": "/other", "double.k22": "***"}, titles={"mlops.port": None})
    assert settings.read_back(list(names), wanted, listed(), after, None) == (["double.k41", "double.k22"], ["double.k42"], [], ["double.k43", "mlops.port"])
    after = listed({"double.k22": ""})
    assert settings.read_back(["double.k22"], wanted, listed(), after, None) == ([], [], ["double.k22"], [])
    assert settings.read_back(["double.k22"], wanted, listed(), after, mask_pattern("")) == (["double.k22"], [], [], [])


def test_what_a_save_took_away():
    before = listed({"double.k41": "u", "double.k42": "h", "double.k43": "/k", "mlops.port": "1", "double.k22": "***"})
    after = listed({"double.k41": "", "double.k43": "/other", "mlops.port": "1", "double.k22": ""}, titles={"double.k42": None})
    assert settings.losses(["double.k43"], before, after) == (["double.k42"], ["double.k22", "double.k41"])
    assert settings.losses(["double.k41"], before, after) == (["double.k42"], ["double.k22"])
    assert not settings.losses([], before, before)


@pytest.mark.parametrize(
    "kind, one, other",
    [
        ("url", "http://h:5000", "http://h:5000/"), ("url", "https://H.example.com", "HTTPS://h.example.com:443/"), ("url", "http://h/a", " http://h/a// "),
        ("url", "10.2.0.10:9000", "10.2.0.10:9000/"), ("url", "http://[::1]:80/", "http://[::1]"), ("number", "5000", "5000 "), ("number", "60", "60.0"),
        ("number", "+7", "007"), ("boolean", "true", "True"), ("boolean", "true", "1"), ("boolean", "false", "OFF"), ("boolean", "false", "0"),
        ("host", "h.example.com", "H.Example.com. "), ("trimmed", "a", " a\n"), ("exact", "a", "a"),
    ],
)  # fmt: skip
def test_the_same_in_another_spelling(kind, one, other):
    assert all(same(first, second, kind) for first, second in itertools.permutations((one, other)))
    assert alike_as(one, other) in KINDS


@pytest.mark.parametrize(
    "kind, one, other",
    [
        ("url", "http://h:5000", "https://h:5000"), ("url", "http://h/a", "http://h/A"), ("url", "http://h:1", "http://h:2"), ("url", "http://h", "http://h?x"),
        ("url", "http://u@h", "http://h"), ("url", "http://[::1", "http://[::1]"), ("number", "5000", "5001"), ("number", "1", "true"), ("number", "10", "1"),
        ("number", "nan", "NaN."), ("boolean", "true", ""), ("boolean", "true", "y"), ("boolean", "false", ""), ("host", "h", "h.x"), ("trimmed", "a", "A"),
        ("exact", "5000", "5000 "), ("exact", "true", "True"),
    ],
)  # fmt: skip
def test_another_value(kind, one, other):
    assert not same(one, other, kind)


def test_the_kind_is_that_of_the_setting():
    given = {"tracking_url": "http://h:5000", "mlops_port": 8086, "settings": {"a": True, "b": 60, "c": "60", "d": "x"}, "normalise": {"d": "trimmed"}}
    properties = listed(titles=dict.fromkeys("abcd", ""))
    params = parameters(**given)
    kinds = {name: want.kind for name, want in wanted_values(params, Names(properties, {})).items()}
    assert kinds == {"mlops.mlflow.trackingURL": "url", "double.k32": "number", "a": "boolean", "b": "number", "c": "exact", "d": "trimmed"}
    by_name = parameters(settings={"mlops.mlflow.trackingURL": "http://h:5000"}, secret_settings={"d": "x"}, normalise={"d": "trimmed"})
    assert [want.kind for want in wanted_values(by_name, Names(properties, {})).values()] == ["url", "exact"]
    assert refused(wanted, properties, normalise={"nothing.alike": "url"}) == "normalise.nothing.alike is not a property that the server lists."


def test_texts_to_hide():
    free = {"a.password": "CANARY", "b": "shown", "token.enabled": True, "double.k22": "CANARY-3", "x.secret": {"y": ["CANARY-4"]}}
    params = parameters(settings=free, secret_settings={"c": "CANARY-2", "d": 5})
    assert settings.secret_texts(params) == {"CANARY", "CANARY-2", "CANARY-4", "5"}
    assert settings.secret_texts(params, listed()) == {"CANARY", "CANARY-2", "CANARY-3", "CANARY-4", "5"}
