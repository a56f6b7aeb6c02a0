# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sparkflows_config and sparkflows_config_info do with the double: requests counted, every shape, every refusal."""

from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import config
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.titles import OPTIONS

SECRET = "CANARY-secret-0123456789"
PATH = "/api/v1/configurations"
OVERRULED = "%s sets double.k41 to another value, and what it sets wins over what is saved. Change the file or remove the key, and restart Sparkflows."

# One value for each friendly option that goes together, and free ones: thirty settings.
THIRTY = {
    "tracking_url": "https://mlflow.example.com:5443", "tracking_username": "sparkflows", "tracking_password": SECRET, "deploy_mode": "fire_mlops_server",
    "mlops_host": "mlflow.example.com", "mlops_port": 8086, "ssh_user": "mlops", "ssh_host": "mlflow.example.com", "ssh_key_path": "/keys/id",
    "s3_access_key": "CANARY-access", "s3_secret_key": "CANARY-s3", "s3_endpoint": "10.2.0.10:9000", "s3_ignore_tls": True,
    "sagemaker_region": "eu-central-1", "sagemaker_account_id": "012345678901", "sagemaker_role_arn": "arn:aws:iam::012345678901:role/x",
    "settings": {
        "app.runOnCluster": False, "app.postMessageURL": "http://h:8080/x", "app.sparkSubmitJar": "a.jar", "uiSettings.copilotLabel": "Pilot",
        "mlops.port": 5001, "mlops.models.state.values": "Dev,Production", "mlops.target.deployment": "mlflow", "mlops.timeout": 60,
        "mlops.kubeflow.username": "k", "mlops.kubeflow.config.path": "/k", "mlops.kubeflow.hostport": "h:1",
        "mlops.kubeflow.namespace": "n", "mlops.service.port": 81,
    },
    "secret_settings": {"mlops.kubeflow.password": "CANARY-kubeflow"},
}  # fmt: skip


class Run:
    """Runs the modules' work with the double, with a memory below the test's folder."""

    def __init__(self, double, folder):
        self.double = double
        self.memory = folder / "memory" / "secrets.json"
        self.hidden = set()

    def parameters(self, **given):
        defaults = {
            "sparkflows_url": self.double.url, "sparkflows_token": self.double.token, "sparkflows_username": None, "sparkflows_password": None,
            "sparkflows_auth": "auto", "oauth_client_id": "sparkflows", "oauth_client_secret": None, "retries": 0, "retry_delay": 0, "rate_limit": None,
            "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 30, **dict.fromkeys(OPTIONS),
            "settings": {}, "secret_settings": {}, "key_names": {}, "update_secrets": "when_changed_here", "secrets_state_path": str(self.memory),
            "secret_mask": None, "shadowing_file": None, "normalise": {},
        }  # fmt: skip
        return dict(defaults, **given)

    def __call__(self, check_mode=False, **given):
        params = self.parameters(**given)
        self.double.reset_counters()
        return config.run(params, Sparkflows(params), check_mode, self.hidden.update)

    def requests(self):
        return self.double.counters()["by_path"]

    def refused(self, check_mode=False, **given):
        with pytest.raises(Problem) as caught:
            self(check_mode, **given)
        assert "CANARY" not in str(caught.value) + str(caught.value.result)
        return caught.value

    def refused_always(self, **given):
        """The sentence of a refusal that comes before anything is sent, in check mode as well."""
        first, second = self.refused(True, **given), self.refused(False, **given)
        assert str(first) == str(second)
        assert self.double.counters()["writes"] == 0
        return str(second)

    def four_times(self, **given):
        """Check, do, check again, do again, with the requests that each may cost; the result of doing."""
        predicted = self(True, **given)
        assert self.requests() == {"GET " + PATH: 1}
        result = self(**given)
        assert self.requests() == {"GET " + PATH: 2, "POST " + PATH: 1}
        assert result.pop("requests") == 3
        assert predicted.pop("requests") == 1
        assert predicted == result
        assert result["changed"] is True
        for check_mode in (True, False):
            again = self(check_mode, **given)
            assert self.requests() == {"GET " + PATH: 1}
            assert (again["changed"], again["saved"], again["diff"]) == (False, [], {"before": {}, "after": {}})
        return result


@pytest.fixture
def run(sparkflows_double, tmp_path):
    return Run(sparkflows_double, tmp_path)


@pytest.mark.parametrize("shape", ["wrapped", "grouped"])
@pytest.mark.parametrize("reply", ["flat", "wrapped", "empty", "text"])
def test_thirty_settings_cost_three_requests(run, shape, reply):
    run.double.switches(get_shape=shape, post_reply=reply)
    result = run.four_times(**THIRTY)
    assert len(result["saved"]) == 30
    assert run.double.value("mlops.mlflow.deploy.mode") == "fire_mlops_server"
    assert run.double.value("double.k22") == SECRET
    assert run.double.value("app.runOnCluster") == "false"
    assert run.double.value("mlops.aws.s3.ignore.tls") == "true"
    assert "CANARY" not in json.dumps(result)
    assert result["diff"]["before"]["mlops.port"] == "5000"
    assert result["diff"]["after"]["mlops.port"] == "5001"
    assert result["names"]["mlops_host"] == "double.k31"
    assert result["discovered"] == ["tracking_username", "tracking_password", "mlops_host", "mlops_port", "ssh_user", "ssh_host", "ssh_key_path"]


def test_the_flat_shape_has_no_titles(run):
    run.double.switches(get_shape="flat")
    assert "tracking_username" in run.refused_always(tracking_username="u")
    result = run.four_times(tracking_username="u", tracking_url="http://h", key_names={"tracking_username": "double.k21"})
    assert (result["saved"], result["discovered"]) == (["mlops.mlflow.trackingURL", "double.k21"], [])


def test_only_what_differs_is_sent_with_its_unknown_fields(run):
    run.double.switches(extra_fields={"owner": "ops", "order": 7}, id_required=True)
    run.four_times(settings={"mlops.timeout": 60, "mlops.port": 5000})
    kept = json.loads((run.double.home / "state.json").read_text())
    assert list(kept["configurations"]) == ["mlops.timeout"]
    assert kept["rests"] == {"mlops.timeout": {"value2": "", "owner": "ops", "order": 7}}


def test_modify_and_clear(run):
    run.four_times(ssh_key_path="/a")
    run.four_times(ssh_key_path="/b")
    result = run.four_times(ssh_key_path="")
    assert result["diff"] == {"before": {"double.k43": "/b"}, "after": {"double.k43": ""}}
    assert run.double.value("double.k43") == ""


def test_host_and_port_in_one_property(run):
    run.double.switches(join_host_and_port=True)
    result = run.four_times(mlops_host="h", mlops_port=8086)
    assert result["names"] == {"mlops_host": "double.k33", "mlops_port": "double.k33"}
    assert run.double.value("double.k33") == "h:8086"
    run.four_times(mlops_port=8087)
    assert run.double.value("double.k33") == "h:8087"


def test_a_switch_of_the_mode(run):
    run.four_times(deploy_mode="remote", tracking_url="http://h:5000", ssh_user="u", ssh_host="h", ssh_key_vault_reference="vault/key")
    run.four_times(deploy_mode="fire_mlops_server", mlops_host="h", mlops_port=8086)
    run.four_times(deploy_mode="local")


def test_a_mode_without_its_needs_changes_nothing(run):
    text = run.refused_always(deploy_mode="fire_mlops_server", tracking_url="http://h:5000")
    assert text == "deploy_mode is fire_mlops_server, which needs mlops_host, mlops_port: not given, and not set on the server."


def test_bad_input_is_found_without_a_request(run):
    run.refused_always(mlops_port=0)
    run.refused_always(settings={"a": []})
    run.refused_always(secret_mask="(")
    text = run.refused_always(shadowing_file="/no/such/folder/configuration.properties")
    assert text == (
        "shadowing_file is of no use: There is no folder /no/such/folder. Check that the path names the conf folder of an installed Sparkflows."
    )
    assert run.double.counters()["requests"] == 0


def test_ambiguous_and_missing_titles_change_nothing(run):
    run.double.switches(titles={"double.k43": "Host for SSH"}, hidden=["double.k41", "mlops.region"])
    text = run.refused_always(ssh_host="h", ssh_user="u", sagemaker_region="eu-central-1", tracking_url="http://h")
    lines = text.split("\n")
    assert lines[0].startswith("No property has a title that fits ssh_user. Name the right one in key_names; candidates are ")
    assert lines[1] == (
        "By their titles several properties could be meant by ssh_host. Name the right one in key_names;"
        " candidates are double.k42 ('SSH Host'), double.k43 ('Host for SSH')."
    )
    assert lines[2].startswith("The server does not list mlops.region, the public name of the property for sagemaker_region.")
    assert len(lines) == 3


# ---------------------------------------------------------------------------------------------------------- masked secrets


def test_a_masked_secret_changed_here(run):
    run.double.switches(mask_secrets=True)
    run.four_times(tracking_password=SECRET, s3_secret_key="CANARY-s3")
    assert stat.S_IMODE(os.stat(run.memory).st_mode) == 0o600
    text = run.memory.read_text()
    assert "CANARY" not in text
    (entries,) = json.loads(text).values()
    assert sorted(entries) == ["double.k22", "mlops.aws.s3.secret.key"]
    assert len({entry["salt"] for entry in entries.values()}) == 2
    run.four_times(tracking_password=SECRET + "-new", s3_secret_key="CANARY-s3")
    assert run.double.value("double.k22") == SECRET + "-new"
    # The salt of what did not change stays, so the file does not tell more than it has to.
    assert json.loads(run.memory.read_text())[run.double.url]["mlops.aws.s3.secret.key"] == entries["mlops.aws.s3.secret.key"]


def test_a_change_by_others_of_a_masked_secret_is_not_seen(run):
    run.double.switches(mask_secrets=True)
    run(tracking_password=SECRET)
    run.double.save(**{"double.k22": "theirs"})
    assert run(tracking_password=SECRET)["changed"] is False
    # What they removed is seen.
    run.double.save(**{"double.k22": ""})
    run.four_times(tracking_password=SECRET)


def test_without_its_memory_a_secret_is_saved_once_more(run):
    run.double.switches(mask_secrets=True)
    run(tracking_password=SECRET)
    run.memory.unlink()
    run.four_times(tracking_password=SECRET)


def test_a_readable_secret_needs_no_memory(run):
    run.four_times(tracking_password=SECRET)
    run.four_times(tracking_password=SECRET + "2")
    assert not run.memory.exists()


def test_a_masked_secret_saved_always(run):
    run.double.switches(mask_secrets=True)
    for dummy in range(2):
        for check_mode in (True, False):
            result = run(check_mode, tracking_password=SECRET, update_secrets="always")
            assert (result["changed"], result["saved"]) == (True, ["double.k22"])
    assert run.requests() == {"GET " + PATH: 2, "POST " + PATH: 1}
    assert not run.memory.exists()


def test_a_masked_secret_saved_on_create(run):
    run.double.switches(mask_secrets=True)
    run.four_times(tracking_password=SECRET, update_secrets="on_create")
    assert run(tracking_password="CANARY-other", update_secrets="on_create")["changed"] is False
    assert run.double.value("double.k22") == SECRET
    assert not run.memory.exists()


def test_a_mask_of_the_operators_own(run):
    run.double.switches(mask_secrets=True, mask="<hidden>")
    error = run.refused(tracking_password=SECRET)
    assert str(error) == (
        "Sparkflows answered the save, but did not keep double.k22.\n"
        "It has a value of double.k22 that is neither the old one nor the one that was sent: somebody else may have saved in between,"
        " or the server itself changes it. Run the task again to see.\n"
        "If the server shows secrets in a form of its own, describe that form with secret_mask."
    )
    run.double.save(**{"double.k22": ""})
    run.four_times(tracking_password=SECRET, secret_mask="<hidden>")


def test_a_free_setting_that_the_server_masks(run):
    run.double.switches(mask_secrets=True)
    run.four_times(settings={"mlops.kubeflow.password": "CANARY-kubeflow", "double.k22": SECRET, "double.k41": "u"})
    assert run.hidden == {"CANARY-kubeflow", SECRET}


@pytest.mark.parametrize("text", ["{", "[]", '{"URL": 5}', '{"URL": {"double.k22": {"salt": "x", "scrypt": "y"}}}', '{"URL": {"double.k22": 5}}'])
def test_a_spoilt_memory_is_told_before_anything_is_saved(run, text):
    run.double.switches(mask_secrets=True)
    run(tracking_password=SECRET)
    run.memory.write_text(text.replace("URL", run.double.url))
    assert run.refused_always(tracking_password=SECRET + "2") == (
        "%s is not what this module writes. Remove it, and the secrets are saved once more; or name another secrets_state_path." % run.memory
    )


def test_a_memory_that_cannot_be_written_is_told_before_anything_is_saved(run, tmp_path, monkeypatch):
    run.double.switches(mask_secrets=True)
    run.double.save(**{"double.k22": "theirs"})
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "secrets.json"
    assert run.refused_always(tracking_password=SECRET, secrets_state_path=str(path)).startswith("%s cannot be read (Not a directory)." % path)
    assert run.refused_always(tracking_password=SECRET, secrets_state_path=str(tmp_path)).startswith("%s cannot be read (Is a directory)." % tmp_path)
    path = "/proc/nothing/secrets.json"
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
        assert run.refused_always(tracking_password=SECRET, secrets_state_path=path) == (
            "secrets_state_path is %s, but /proc cannot be written to. Run the task as root, choose another path, or another way with update_secrets." % path
        )
    # That a secret is masked may show only after it was saved.
    run.double.save(**{"double.k22": ""})
    assert str(run.refused(tracking_password=SECRET, secrets_state_path=path)).startswith("The settings were saved, but %s could not be written (" % path)


def test_a_host_without_scrypt(run, monkeypatch):
    def unsupported(*args, **kwargs):
        raise ValueError("[digital envelope routines] unsupported")

    monkeypatch.setattr(config.hashlib, "scrypt", unsupported)
    run.four_times(tracking_password=SECRET)
    run.double.switches(mask_secrets=True)
    cause = (
        "The Python of this host cannot compute scrypt, as in FIPS mode, which update_secrets=when_changed_here needs. Choose another way with update_secrets."
    )
    assert run.refused_always(tracking_password=SECRET + "2") == cause
    run.double.save(**{"double.k22": ""})
    assert str(run.refused(tracking_password=SECRET)) == "The settings were saved, but the secrets among them could not be remembered. " + cause


def test_one_memory_for_two_servers(run, http_server, tmp_path):
    memory = config.Memory(str(run.memory), "https://one")
    memory.remember({"a": "x"})
    config.Memory(str(run.memory), "https://two").remember({"a": "y"})
    memory.remember({"b": "z"})
    fresh = config.Memory(str(run.memory), "https://one")
    assert (fresh.knows("a", "x"), fresh.knows("a", "y"), fresh.knows("b", "z"), fresh.knows("c", "x")) == (True, False, True, False)
    assert sorted(path.name for path in run.memory.parent.iterdir()) == ["secrets.json"]


# ---------------------------------------------------------------------------------------------------------- reading back


@pytest.mark.parametrize("way, words", [("drop", "gone from the server's list"), ("blank", "empty now")])
@pytest.mark.parametrize("shape", ["wrapped", "grouped"])
def test_a_save_that_takes_away_what_was_not_sent(run, way, words, shape):
    run.double.switches(get_shape=shape)
    run.double.save(**{"double.k22": SECRET, "double.k42": "CANARY-host", "app.sparkSubmitJar": "CANARY-jar"})
    run.double.switches(on_save_others=way)
    error = run.refused(ssh_user="u")
    text = str(error)
    assert text.startswith("The save took away what was not sent: of the other settings, ") and "\n" not in text
    assert words in text and "double.k22" in text and "double.k42" in text and "app.sparkSubmitJar" in text
    assert {"double.k22", "double.k42", "app.sparkSubmitJar"} <= set(error.result["lost"])
    assert (error.result["changed"], error.result["saved"]) == (True, ["double.k41"])
    # What was empty before is not missed.
    assert "mlops.region" not in error.result["lost"] or way == "drop"


def test_a_masked_secret_that_a_save_blanks_is_missed_by_name(run):
    run.double.save(**{"double.k22": SECRET})
    run.double.switches(mask_secrets=True, on_save_others="blank")
    error = run.refused(settings={"mlops.timeout": 5})
    assert "double.k22" in error.result["lost"]


@pytest.mark.parametrize(
    "given, shown, kind",
    [
        ({"tracking_url": "http://h:5000"}, "http://h:5000/", "slash"), ({"s3_ignore_tls": True}, "True", "capital"),
        ({"mlops_port": 8086}, " 8086 ", "blanks"),
        ({"settings": {"app.runOnCluster": False}}, "0", "digit"), ({"settings": {"mlops.timeout": 60}}, "60.0", "point"),
        ({"mlops_host": "Host.Example"}, "host.example", "small"),
    ],
)  # fmt: skip
def test_what_the_server_spells_in_its_own_way_is_kept(run, given, shown, kind):
    """By the kind of the setting it is the same value: one save, and none with the next run."""
    run.double.switches(spelling=kind)
    result = run.four_times(**given)
    assert run.double.value(result["saved"][0]) == shown


def test_a_free_text_that_the_server_spells_in_its_own_way(run):
    run.double.switches(spelling="slash")
    given = {"settings": {"app.postMessageURL": "http://h/x"}}
    for dummy in range(2):
        assert str(run.refused(**given)).split("\n", 1)[1].endswith(
            "For app.postMessageURL 'http://h/x' was sent and 'http://h/x/' is there."
            " If both mean the same to the server, compare them as such: normalise: {app.postMessageURL: url}."
        )
    assert run(**given, normalise={"app.postMessageURL": "url"})["changed"] is False
    run.double.save(**{"app.postMessageURL": "http://other"})
    run.four_times(**given, normalise={"app.postMessageURL": "url"})


def test_both_values_of_a_secret_are_not_told(run):
    run.double.switches(spelling="slash")
    error = run.refused(settings={"app.postMessageURL": "https://u:CANARY@h"}, secret_settings={"mlops.kubeflow.username": "http://CANARY"})
    assert "Run the task again to see.\nIf the server shows secrets" in str(error)


@pytest.mark.parametrize("nothing", ["", None])
def test_a_secret_that_the_server_never_shows(run, nothing):
    run.double.switches(mask_secrets=True, mask=nothing)
    assert str(run.refused(tracking_password=SECRET)) == (
        "Sparkflows answered the save, but did not keep double.k22.\n"
        "It shows nothing for double.k22: either they were not kept, as without the permission configurations.manage, or this server hides secrets"
        " so. If a deployment shows that they are in use, say so with secret_mask, as in '.*', and they are not compared any more."
    )
    for mask in ("", ".*"):
        run.double.save(**{"double.k22": ""})
        run.memory.unlink(missing_ok=True)
        run.four_times(tracking_password=SECRET, secret_mask=mask)
        run.four_times(tracking_password=SECRET + "2", secret_mask=mask)
        assert run.double.value("double.k22") == SECRET + "2"


@pytest.mark.parametrize("mask, shown", [(".*", "c2VjcmV0"), (".*", ""), ("", "")])
def test_an_empty_secret_is_set_on_create_whatever_the_mask(run, mask, shown):
    run.double.switches(mask_secrets=True, mask=shown)
    given = {"tracking_password": SECRET, "secret_mask": mask, "update_secrets": "on_create"}
    run.four_times(**given)
    assert run.double.value("double.k22") == SECRET
    assert run(**{**given, "tracking_password": "CANARY-other"})["changed"] is False


def test_a_secret_that_was_emptied_is_set_again_although_every_text_is_a_mask(run):
    run.double.switches(mask_secrets=True, mask="c2VjcmV0")
    run.four_times(tracking_password=SECRET, secret_mask=".*")
    run.double.save(**{"double.k22": ""})
    run.four_times(tracking_password=SECRET, secret_mask=".*")


def test_values_that_are_not_kept(run):
    run.double.faults(lose=["double.k41"])
    error = run.refused(ssh_user="u", ssh_host="h")
    assert str(error) == (
        "Sparkflows answered the save, but did not keep double.k41.\n"
        "It still has the old value of double.k41: a key in conf/configuration.properties may shadow it (name the file in shadowing_file to be told),"
        " or its user may lack the permission configurations.manage, or somebody else may have written the old value back in between."
    )
    assert (error.result["changed"], error.result["saved"], error.result["requests"]) == (True, ["double.k42"], 3)
    run.double.faults()
    run.four_times(ssh_user="u", ssh_host="h")


def test_another_admin_saves_after_us(run):
    run.double.faults(other_admin={"values": {"double.k41": "theirs"}, "after": "save"})
    error = run.refused(ssh_user="u")
    assert str(error) == (
        "Sparkflows answered the save, but did not keep double.k41.\n"
        "It has a value of double.k41 that is neither the old one nor the one that was sent: somebody else may have saved in between,"
        " or the server itself changes it. Run the task again to see.\nFor double.k41 'u' was sent and 'theirs' is there."
    )
    assert (error.result["changed"], error.result["saved"]) == (False, [])


def test_what_another_admin_saves_in_between_is_not_undone(run):
    run.double.faults(other_admin={"values": {"double.k42": "theirs"}, "after": "read"})
    run(ssh_user="u")
    assert (run.double.value("double.k41"), run.double.value("double.k42")) == ("u", "theirs")


def shadow(run, text):
    path = run.double.home / "conf" / "configuration.properties"
    path.write_text(text)
    run.double.restart()
    return str(path)


def test_a_value_that_the_file_overrules(run):
    path = shadow(run, "# ours\ndouble.k41 = file\\\n  d\nmlops.timeout: 5\n")
    error = run.refused(ssh_user="u")
    assert "a key in conf/configuration.properties may shadow it" in str(error)
    text = run.refused_always(ssh_user="u", ssh_host="h", shadowing_file=path)
    assert text == OVERRULED % path
    result = run(ssh_user="filed", ssh_host="h", settings={"mlops.timeout": 5}, shadowing_file=path)
    assert (result["shadowed"], result["saved"]) == (["double.k41", "mlops.timeout"], ["double.k42"])


def test_a_value_that_the_file_will_overrule_from_the_next_start_on(run, tmp_path):
    """The file was changed and not read yet: what is saved holds today and not after a restart."""
    path = tmp_path / "configuration.properties"
    path.write_text("double.k41=other\n")
    assert run.refused_always(ssh_user="u", shadowing_file=str(path)) == OVERRULED % path
    # Also where there is nothing to save, as the server has it already.
    run.double.save(**{"double.k41": "u"})
    assert run.refused_always(ssh_user="u", shadowing_file=str(path)) == OVERRULED % path
    path.write_text("double.k41=u\n")
    assert run(ssh_user="u", shadowing_file=str(path))["shadowed"] == ["double.k41"]


def test_a_file_that_java_refuses_or_that_is_none(run, tmp_path):
    path = tmp_path / "configuration.properties"
    path.write_text("a=1\nb=\\u12\n")
    assert run.refused_always(ssh_user="u", shadowing_file=str(path)) == (
        "shadowing_file is of no use: Line 2 of the properties file has a \\u without four hexadecimal digits behind it, for which Java refuses"
        " the whole file. Mend it."
    )
    path.unlink()
    os.mkfifo(path)
    assert run.refused_always(ssh_user="u", shadowing_file=str(path)).endswith("is not a regular file. Name the properties file itself.")
    assert run.refused_always(ssh_user="u", shadowing_file="conf/configuration.properties").endswith("Name the file by its whole path, from / on.")


def test_the_file_is_compared_by_the_kind_of_the_setting(run, tmp_path):
    path = tmp_path / "configuration.properties"
    path.write_text("mlops.mlflow.trackingURL=http://h:5000/\nmlops.aws.s3.ignore.tls=True\n")
    result = run(tracking_url="http://h:5000", s3_ignore_tls=True, shadowing_file=str(path))
    assert result["shadowed"] == ["mlops.mlflow.trackingURL", "mlops.aws.s3.ignore.tls"]


def test_a_masked_secret_that_the_file_overrules(run, tmp_path):
    path = tmp_path / "configuration.properties"
    path.write_text("double.k22=theirs\n")
    run.double.switches(mask_secrets=True)
    run.double.save(**{"double.k22": "theirs"})
    assert run.refused_always(tracking_password=SECRET, shadowing_file=str(path)) == OVERRULED.replace("k41", "k22") % path


def test_a_file_that_is_not_there_shadows_nothing(run, tmp_path):
    assert run(ssh_user="u", shadowing_file=str(tmp_path / "configuration.properties"))["shadowed"] == []
    assert run.refused_always(ssh_user="v", shadowing_file=str(tmp_path)) == (
        "shadowing_file is of no use: %s can't be read (Is a directory). Name a file, and give the task the rights to read it." % tmp_path
    )


def test_no_permission(run):
    run.double.switches(configurations_manage=False, reading_needs_permission=False)
    assert str(run.refused(ssh_user="u")) == (
        "Sparkflows at %s forbids POST /api/v1/configurations to this login (403). Check sparkflows_token and that its user has the permission"
        " configurations.manage. It says: Access is denied: the permission configurations.manage is missing." % run.double.url
    )
    assert run.double.value("double.k41") == ""


def test_a_save_without_an_answer(run):
    run.double.faults(answers=[{"answer": "drop_answer", "method": "POST", "path": PATH}])
    error = run.refused(ssh_user="u")
    assert str(error) == (
        "Sparkflows at %s closed the connection without a usable answer. Check that sparkflows_url names its port, and says https where it uses TLS."
        " Whether it acted on POST /api/v1/configurations is unknown. Run the task again to find out, and to save what is missing." % run.double.url
    )
    assert run(ssh_user="u")["changed"] is False


def test_a_save_that_cannot_be_read_back(run):
    run.double.faults(answers=[{"answer": 503, "method": "GET", "path": PATH, "skip": 1, "times": None}])
    error = run.refused(ssh_user="u")
    assert str(error).startswith("The settings were sent, but could not be read back. Sparkflows at %s is not ready: it answered 503 to GET" % run.double.url)
    assert error.result["changed"] is True


# ------------------------------------------------------------------------------------------------------------------ info


def test_info(run):
    run.double.save(**{"double.k22": SECRET, "mlops.aws.s3.access.key": "CANARY-access", "double.k41": "u"})
    run.double.switches(titles={"double.k43": "Host for SSH"}, hidden=["mlops.arn"])
    params = run.parameters(key_names={"ssh_key_path": "mlops.timeout"})
    run.double.reset_counters()
    result = config.info(params, Sparkflows(params))
    assert run.requests() == {"GET " + PATH: 1}
    assert "CANARY" not in json.dumps(result)
    assert result["configurations"]["double.k41"] == {"value": "u", "title": "SSH User", "description": "User for the login on the MLflow host", "id": 75}
    assert result["configurations"]["double.k22"]["value"] is None
    assert (result["names"]["ssh_key_path"], result["names"]["ssh_user"]) == ("mlops.timeout", "double.k41")
    assert "ssh_key_path" not in result["discovered"]
    assert sorted(result["unresolved"]) == ["sagemaker_role_arn", "ssh_host"]
    odd = {
        "app.sparkSubmitJar": "https://hooks.slack.com/services/T1/B2/CANARY", "uiSettings.copilotLabel": "AccountKey=CANARY",
        "double.k43": "-----BEGIN PRIVATE KEY-----\nCANARY", "mlops.target.deployment": "jdbc:mysql://u:CANARY@h/db", "module.workflowTypes": "pwd: CANARY",
    }  # fmt: skip
    run.double.save(**odd)
    result = config.info(params, Sparkflows(params))
    assert "CANARY" not in json.dumps(result)
    assert all(result["configurations"][name]["value"] is None for name in odd)
    assert result["unresolved"]["ssh_host"] == ["double.k42 ('SSH Host')", "double.k43 ('Host for SSH')"]
