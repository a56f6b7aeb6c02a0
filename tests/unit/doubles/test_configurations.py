# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings over REST, held to the documented shapes, and the properties file that wins over them."""

from __future__ import annotations

import json
import typing as t

import pytest

PATH = "/api/v1/configurations"
URL = "mlops.mlflow.trackingURL"
SECRET = "mlops.aws.s3.secret.key"


def entry(call: t.Any, name: str, value: t.Any) -> dict[str, t.Any]:
    """What the server shows of a property, with another value."""
    found = next(wrapper for wrapper in call("GET", PATH).json() if wrapper["confProperty"]["name"] == name)
    found["confProperty"]["value1"] = value
    return dict(found)


def shown(call: t.Any, name: str) -> t.Any:
    return next(wrapper["confProperty"] for wrapper in call("GET", PATH).json() if wrapper["confProperty"]["name"] == name)


def test_infer_and_save_as_documented(call: t.Any) -> None:
    inferred = call("GET", PATH + "/infer").json()
    assert [list(wrapper) for wrapper in inferred] == [["confProperty", "title", "description"]] * 4
    assert [list(wrapper["confProperty"]) for wrapper in inferred] == [["id", "name", "value1", "value2"]] * 4
    assert [(wrapper["confProperty"]["id"], wrapper["confProperty"]["name"]) for wrapper in inferred] == [
        (1, "app.runOnCluster"), (4, "app.postMessageURL"), (5, "app.sparkSubmitJar"), (28, "hdfs.namenodeURI"),
    ]  # fmt: skip
    assert inferred[0]["confProperty"] == {"id": 1, "name": "app.runOnCluster", "value1": "true", "value2": ""}
    assert inferred[0]["title"] == "Run on Spark Cluster"
    assert call("POST", PATH, inferred).json() == [wrapper["confProperty"] for wrapper in inferred]


def test_partial_save_keeps_the_rest(call: t.Any, sparkflows_double: t.Any) -> None:
    before = call("GET", PATH).json()
    assert call("POST", PATH, [entry(call, URL, "http://mlflow:5000")]).status == 200
    changed = [one["confProperty"]["name"] for one, other in zip(before, call("GET", PATH).json(), strict=True) if one != other]
    assert changed == [URL]
    sparkflows_double.restart()
    assert sparkflows_double.value(URL) == "http://mlflow:5000"


def test_no_name_of_an_unknown_setting_can_be_guessed(sparkflows_double: t.Any) -> None:
    by_title = {shown["title"]: name for name, shown in sparkflows_double.properties.items()}
    for title in ("MLflow Login Username", "MLflow Login Password", "Fire MLOps Host", "Fire MLOps Port", "SSH User", "SSH Host", "SSH Key Path"):
        assert by_title[title].startswith("double.")


def test_host_and_port_may_be_one_setting(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.switches(join_host_and_port=True)
    titles = [wrapper["title"] for wrapper in call("GET", PATH).json()]
    assert "Fire MLOps Host and Port" in titles
    assert not {"Fire MLOps Host", "Fire MLOps Port"} & set(titles)


def test_flat_shape(call: t.Any, sparkflows_double: t.Any) -> None:
    wrapped = call("GET", PATH).json()
    sparkflows_double.switches(get_shape="flat")
    flat = call("GET", PATH).json()
    assert flat == [wrapper["confProperty"] for wrapper in wrapped]
    assert call("POST", PATH, [dict(flat[0], value1="false")]).json()[0]["value1"] == "false"
    assert call("POST", PATH, wrapped).status == 400


def test_grouped_shape(call: t.Any, sparkflows_double: t.Any) -> None:
    wrapped = call("GET", PATH).json()
    sparkflows_double.switches(get_shape="grouped")
    groups = call("GET", PATH).json()
    assert [wrapper for group in groups for wrapper in group["configurations"]] == wrapped
    assert "MLOps" in [group["title"] for group in groups]
    assert call("POST", PATH, wrapped[:1]).status == 200


@pytest.mark.parametrize(("reply", "body"), [("empty", ""), ("text", "Configurations saved successfully")])
def test_other_replies_to_a_save(call: t.Any, sparkflows_double: t.Any, reply: str, body: str) -> None:
    one = entry(call, URL, "http://mlflow:5000")
    sparkflows_double.switches(post_reply=reply)
    assert call("POST", PATH, [one]).text == body
    sparkflows_double.switches(post_reply="wrapped")
    assert call("POST", PATH, [one]).json() == [one]


def test_masked_secret(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.switches(mask_secrets=True, mask="<hidden>")
    assert shown(call, SECRET)["value1"] == ""
    call("POST", PATH, [entry(call, SECRET, "CANARY")])
    assert shown(call, SECRET)["value1"] == "<hidden>"
    call("POST", PATH, [entry(call, SECRET, "<hidden>")])
    assert sparkflows_double.value(SECRET) == "CANARY"


def test_bad_entries_change_nothing(call: t.Any, sparkflows_double: t.Any) -> None:
    good, bad = entry(call, URL, "http://mlflow:5000"), entry(call, "mlops.port", 5000)
    for body in ([good, bad], {"a": "b"}, [good, "text"], [good, {"confProperty": {"value1": ""}}], [good, {"confProperty": {"name": "mlops.port", "id": 1}}]):
        assert call("POST", PATH, body).status == 400
    assert call("POST", PATH, b"{", {"Content-Type": "application/json"}).status == 400
    assert sparkflows_double.value(URL) == ""


def test_id_and_unknown_names(call: t.Any, sparkflows_double: t.Any) -> None:
    unknown = {"confProperty": {"name": "mlops.new", "value1": "x"}}
    without_id = {"confProperty": {"name": URL, "value1": "x"}}
    assert call("POST", PATH, [unknown, without_id]).json() == [{"id": 60, "name": URL, "value1": "x", "value2": ""}]
    sparkflows_double.switches(id_required=True, unknown_names="refuse")
    assert call("POST", PATH, [without_id]).status == 400
    assert call("POST", PATH, [unknown]).status == 400
    sparkflows_double.switches(unknown_names="create")
    assert call("POST", PATH, [unknown]).json()[0]["name"] == "mlops.new"
    assert shown(call, "mlops.new")["value1"] == "x"


def test_fields_that_are_not_sent_back_are_lost(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.switches(extra_fields={"revision": 7})
    one = entry(call, URL, "http://mlflow:5000")
    one["confProperty"]["value2"] = "kept"
    call("POST", PATH, [one])
    assert shown(call, URL) == one["confProperty"]
    assert one["confProperty"]["revision"] == 7
    call("POST", PATH, [{"confProperty": {"name": URL, "value1": "x"}}])
    assert shown(call, URL) == {"id": 60, "name": URL, "value1": "x", "value2": "", "revision": None}


def test_permission(call: t.Any, sparkflows_double: t.Any) -> None:
    one = [entry(call, URL, "http://mlflow:5000")]
    call.token = sparkflows_double.make_token("test")
    assert [call("GET", PATH).status, call("POST", PATH, one).status, call("GET", PATH + "/infer").status] == [403, 403, 403]
    sparkflows_double.switches(reading_needs_permission=False)
    assert [call("GET", PATH).status, call("POST", PATH, one).status] == [200, 403]
    call.token = sparkflows_double.token
    sparkflows_double.switches(configurations_manage=False)
    assert call("POST", PATH, one).status == 403


def test_file_shadows_what_is_saved(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.write("configuration.properties", "# by hand\n%s = http://file:5000\n" % URL)
    assert shown(call, URL)["value1"] == ""
    sparkflows_double.restart()
    assert shown(call, URL)["value1"] == "http://file:5000"
    reply = call("POST", PATH, [entry(call, URL, "http://rest:5000")])
    assert (reply.status, reply.json()[0]["value1"]) == (200, "http://rest:5000")
    assert shown(call, URL)["value1"] == "http://file:5000"
    sparkflows_double.write("configuration.properties", "")
    assert shown(call, URL)["value1"] == "http://file:5000"
    sparkflows_double.restart()
    assert shown(call, URL)["value1"] == "http://rest:5000"


def test_values_of_the_file_that_are_saved_outlive_it(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.write("configuration.properties", "%s=http://file:5000\n" % URL)
    sparkflows_double.restart()
    call("POST", PATH, call("GET", PATH).json())
    sparkflows_double.write("configuration.properties", "")
    sparkflows_double.restart()
    assert shown(call, URL)["value1"] == "http://file:5000"


def test_properties_file_is_read_as_java_does(call: t.Any, sparkflows_double: t.Any) -> None:
    lines = ["! comment", "", URL + ":http\\://a\\u0062c", "mlops.port   6000", "mlops.timeout=one \\", "   two", "mlops.arn=", "mlops.region = a=b "]
    sparkflows_double.write("configuration.properties", "\n".join(lines))
    sparkflows_double.restart()
    values = [sparkflows_double.value(name) for name in (URL, "mlops.port", "mlops.timeout", "mlops.arn", "mlops.region")]
    assert values == ["http://abc", "6000", "one two", "", "a=b "]


def test_state_is_for_its_user_alone(call: t.Any, sparkflows_double: t.Any) -> None:
    call("POST", PATH, [entry(call, SECRET, "CANARY")])
    state = sparkflows_double.home / "state.json"
    assert state.stat().st_mode & 0o777 == 0o600
    assert "CANARY" in json.dumps(json.loads(state.read_text()))
    assert sorted(path.name for path in sparkflows_double.home.iterdir()) == ["conf", "models", "state.json"]
