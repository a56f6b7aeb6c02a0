# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host does everything: Sparkflows, MLflow, agent, models and a scorer; it bears many clients and slow models."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from conftest import TESTBED
from deployments import agent
from models import STACK, deployed, score, state, train
from testinfra.host import Host

ALONE = ("--limit", "allinone")


@pytest.fixture(scope="module")
def host(operator: Any, on: Any) -> Host:
    """The host, set up by one run."""
    operator.play("site", *ALONE)
    return on("allinone")


def test_everything_on_one_host(operator: Any, host: Host) -> None:
    assert operator.play("site", *ALONE).unchanged
    assert operator.differing(*ALONE) == []
    proof = operator.play("verify", *ALONE)
    rows = "[[1.0, 2.0], [-4.5, 10.0]]"
    assert f"allinone verify-numpy: {rows} gave [6.0, 11.0], as expected; so it did when asked from allinone" in proof.text
    assert f"allinone verify-numpy: {rows} gave [6.0, 11.0], as expected, when the scorer was asked from allinone." in proof.text
    assert host.check_output("systemctl list-units --state=failed --no-legend") == ""


CLIENTS, WRITES = 8, 120
# Each client writes metrics, parameters and tags to a run of its own; all begin at the same moment. Then one reads what is there.
WRITERS = """
import json, multiprocessing, sys
from mlflow.tracking import MlflowClient
clients, writes = map(int, sys.argv[1:])
together = multiprocessing.Barrier(clients)

def write(number):
    client = MlflowClient()
    run = client.create_run("0", tags={"endurance": str(number)}).info.run_id
    together.wait(60)
    for write in range(writes):
        if write % 3 == 0:
            client.log_metric(run, "m", write, step=write)
        elif write % 3 == 1:
            client.log_param(run, "p%d" % write, write)
        else:
            client.set_tag(run, "t%d" % write, write)

processes = [multiprocessing.Process(target=write, args=(number,)) for number in range(clients)]
for process in processes: process.start()
for process in processes: process.join()
found, client = {}, MlflowClient()
for run in client.search_runs(["0"], "tags.endurance != ''"):
    metrics = client.get_metric_history(run.info.run_id, "m")
    written = [metric.value for metric in metrics] + list(run.data.params.values()) + [text for tag, text in run.data.tags.items() if tag[0] == "t"]
    found[run.data.tags["endurance"]] = sorted(map(int, written))
print(json.dumps({"failed": sum(process.exitcode != 0 for process in processes), "found": found}))
"""


def test_many_clients_write_at_once_and_nothing_is_lost(host: Host) -> None:
    """To SQLite, through nginx and the server's workers. The clients are told not to try again, so that no error is hidden."""
    password = (TESTBED / "tracking_password").read_text().strip()
    host.check_output("truncate --size 0 /var/log/nginx/access.log")
    answer = host.check_output(
        "cd /tmp && env HOME=/tmp GIT_PYTHON_REFRESH=quiet PYTHONWARNINGS=ignore MLFLOW_TRACKING_URI=https://allinone:5443 MLFLOW_TRACKING_INSECURE_TLS=true "
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES=0 MLFLOW_TRACKING_USERNAME=sparkflows MLFLOW_TRACKING_PASSWORD=%s %s/current/bin/python -c %s %s %s",
        password, STACK, WRITERS, str(CLIENTS), str(WRITES),
    )  # fmt: skip
    seen = json.loads(answer.splitlines()[-1])
    assert seen == {"failed": 0, "found": {str(number): list(range(WRITES)) for number in range(CLIENTS)}}
    statuses = host.check_output("awk '{print $9}' /var/log/nginx/access.log").split()
    assert len(statuses) > CLIENTS * WRITES and set(statuses) == {"200"}


# Longer than gunicorn's own patience with a worker, and than most probes.
SLOW_SECONDS = 95
SLOW = f"""
import mlflow
class Slow(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import time
        time.sleep({SLOW_SECONDS})
    def predict(self, context, model_input):
        return list(model_input["a"] * 2)
with mlflow.start_run():
    mlflow.pyfunc.log_model("model", python_model=Slow(), registered_model_name="slow", pip_requirements=[])
"""


def test_a_model_that_loads_slowly_gets_ready_in_its_first_run(host: Host) -> None:
    train(host, SLOW)
    started = time.monotonic()
    seen = set()
    try:
        assert agent(host, "/api/v1/deployments/slow", "PUT", {"model_uri": "models:/slow/1", "probe": {"columns": ["a"], "data": [[1]]}})[0] == 201
        while not seen & {"ready", "failed"}:
            seen.add(state(host, "slow")["state"])
            assert time.monotonic() - started < 240
            time.sleep(1)
        assert seen == {"starting", "ready"}
        assert time.monotonic() - started > SLOW_SECONDS
        assert score(host, state(host, "slow")["port"], [21]) == 42
        assert host.check_output("systemctl show --value --property=NRestarts mlops-model@slow.service") == "0"
        log = "\n".join(agent(host, "/api/v1/deployments/slow/logs?lines=200")[1]["lines"])
        assert log.count("Booting worker") == 1 and "WORKER TIMEOUT" not in log
    finally:
        agent(host, "/api/v1/deployments/slow", "DELETE")


# y = factor * a + 1, fitted exactly.
H2O = """
import h2o, mlflow, mlflow.h2o
from h2o.estimators import H2OGeneralizedLinearEstimator
h2o.init(max_mem_size="300m", nthreads=1)
h2o.no_progress()
for factor in (2, 3):
    frame = h2o.H2OFrame({"a": [float(n) for n in range(40)], "y": [factor * n + 1.0 for n in range(40)]})
    model = H2OGeneralizedLinearEstimator(lambda_=0, standardize=False, model_id="line")
    model.train(x=["a"], y="y", training_frame=frame)
    with mlflow.start_run():
        mlflow.h2o.log_model(model, "model", registered_model_name="h2o-times-%d" % factor, pip_requirements=["h2o"])
h2o.cluster().shutdown()
"""


def test_two_h2o_models_have_a_server_each(host: Host) -> None:
    """Both have the same name within H2O, so that in one server the second would take the place of the first."""
    train(host, H2O)
    names = ["h2o-times-2", "h2o-times-3"]
    with deployed(host, names, memory_mb=1024, probe={"columns": ["a"], "data": [[1]]}) as ports:
        assert score(host, ports["h2o-times-2"], [10])["predict"] == pytest.approx(21)
        assert score(host, ports["h2o-times-3"], [10])["predict"] == pytest.approx(31)
        listening = host.check_output("ss --no-header --listening --tcp --numeric --processes | grep java").splitlines()
        assert {re.sub(r"\[::ffff:([0-9.]+)\]", r"\1", line.split()[3]).rsplit(":", 1)[0] for line in listening} == {"127.0.0.1"}, listening
        assert len({pid for line in listening for pid in re.findall(r"pid=(\d+)", line)}) == 2, listening
        agent(host, "/api/v1/deployments/h2o-times-2", "DELETE")
        assert score(host, ports["h2o-times-3"], [10])["predict"] == pytest.approx(31)
