# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings stand in Sparkflows' own file, are read at a restart, and nothing is restarted without need."""

from __future__ import annotations

import time

from conftest import Operator
from testinfra.host import Host

FILE = "/home/sparkflows/fire/conf/configuration.properties"
MARKER = "/var/lib/sparkflows-mlops/sparkflows-restart-due"


def started(host: Host) -> str:
    return str(host.check_output("systemctl show --property ExecMainStartTimestampMonotonic --value sparkflows-double.service"))


def lines(host: Host) -> list[str]:
    return str(host.check_output("cat %s", FILE)).splitlines()


def test_settings_stand_in_the_file(host: Host) -> None:
    assert {"mlops.mlflow.trackingURL=http://127.0.0.1:5000", "mlops.mlflow.deploy.mode=local"} <= set(lines(host))
    file = host.file(FILE)
    assert (file.user, file.group) == ("sparkflows", "sparkflows")


def test_a_second_run_restarts_nothing(host: Host, operator: Operator) -> None:
    before = started(host)
    assert operator.play("site").unchanged
    assert started(host) == before


def test_comments_and_foreign_keys_stay(host: Host, operator: Operator) -> None:
    host.check_output("sed -i -e '1i # set by hand' -e '$a app.foreign=1' %s", FILE)
    host.check_output("sed -i 's/deploy.mode=local/deploy.mode=remote/' %s", FILE)
    before = started(host)
    run = operator.play("site", "--diff")
    assert "-mlops.mlflow.deploy.mode=remote" in run.output and "+mlops.mlflow.deploy.mode=local" in run.output
    assert lines(host)[0] == "# set by hand" and "app.foreign=1" in lines(host) and "mlops.mlflow.deploy.mode=local" in lines(host)
    assert started(host) != before


def test_an_interrupted_restart_is_made_up_for(host: Host, operator: Operator) -> None:
    """A run that was killed between writing and restarting leaves the marker."""
    host.check_output("touch %s", MARKER)
    before = started(host)
    operator.play("site")
    assert started(host) != before and not host.file(MARKER).exists
    assert operator.play("site").unchanged


def test_what_the_file_says_is_not_saved_in_vain(host: Host, operator: Operator) -> None:
    run = operator.play("site", fails=True, sparkflows_method="rest", sparkflows_tracking_url="http://localhost:5000")
    assert FILE in run.text and "mlops.mlflow.trackingURL" in run.text


def test_a_login_that_is_not_accepted_is_never_saved(host: Host, operator: Operator) -> None:
    """The double of Sparkflows asks for a login where MLflow has its API, as a tracking server with another password does."""
    before, other = lines(host), "http://127.0.0.1:8080"
    begun = time.monotonic()
    run = operator.play("site", fails=True, sparkflows_tracking_url=other)
    assert "The tracking server asks for a login (401). Give sparkflows_tracking_username" in run.text
    login = {"sparkflows_tracking_username": "fire", "sparkflows_tracking_password": "CANARY-wrong", "sparkflows_key_names": {}}
    run = operator.play("site", fails=True, sparkflows_tracking_url=other, **login)
    assert "The tracking server does not accept the login (401)" in run.text and "CANARY" not in run.output
    # Nothing is wrong with the network, so no advice is about it.
    assert "no firewall" not in run.text and "nothing was saved" in run.text
    # Nobody waits for a password to become right.
    assert time.monotonic() - begun < 100
    assert lines(host) == before
    assert operator.play("site").unchanged


def test_the_file_says_when_it_is_wanted(operator: Operator) -> None:
    run = operator.play("site", sparkflows_settings={"app.postMessageURL": "http://127.0.0.1:8080/x"})
    assert run.changed and "wants this file filled before create-*-db.sh runs" in run.text
    assert "create-*-db.sh" not in operator.play("site", sparkflows_settings={"app.postMessageURL": "http://127.0.0.1:8080/x"}).text


def test_contradictions_are_refused_before_anything_is_done(operator: Operator) -> None:
    run = operator.play("site", fails=True, sparkflows_mlops_host="elsewhere")
    assert "The deploy mode local contradicts sparkflows_mlops_host" in run.text and not run.changed
    run = operator.play("site", fails=True, sparkflows_deploy_mode="kubeflow")
    assert "sparkflows_deploy_mode" in run.text and "local, remote, fire_mlops_server" in run.text and not run.changed


def test_absent_takes_only_its_own_lines(host: Host, operator: Operator) -> None:
    host.check_output("sed -i '$a mlops.region=eu-central-1' %s", FILE)
    # Public names need no login to be known.
    run = operator.play("site", sparkflows_state="absent", sparkflows_token="")
    assert run.changed
    assert not [line for line in lines(host) if line.startswith("mlops.mlflow")]
    assert {"app.foreign=1", "mlops.region=eu-central-1"} <= set(lines(host))
    assert operator.play("site", sparkflows_state="absent").unchanged
