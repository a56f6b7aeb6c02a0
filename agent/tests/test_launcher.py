# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher of one model, with a small stand-in for MLflow that notes how it was called."""

import json
import os
import pathlib
import subprocess
import sys

import gunicorn.util
import pytest
from conftest import SOURCE
from mlops_agent import files, serve_model

MLFLOW = {
    "__init__.py": "",
    "artifacts.py": """
import os, shutil
def download_artifacts(artifact_uri, dst_path):
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
    if os.path.exists(os.environ["HERE"] + "/down"):
        raise RuntimeError("tracking server is down")
    if artifact_uri.startswith("/"):
        return artifact_uri
    shutil.copytree(os.environ["HERE"] + "/published", os.path.join(dst_path, "model"))
    if os.path.exists(os.environ["HERE"] + "/kill"):
        os.kill(os.getpid(), 9)
    return os.path.join(dst_path, "model")
""",
    "cli.py": """
import json, os
def cli(arguments, prog_name, standalone_mode):
    with open(os.environ["HERE"] + "/called.json", "w") as stream:
        json.dump({"arguments": arguments, "environment": dict(os.environ), "directory": os.getcwd(), "found": os.listdir()}, stream)
""",
}


class Launcher:
    def __init__(self, directory):
        self.directory = str(directory)
        for part in ("cache/churn", "run/churn", "state/deployments", "stack/bin", "jdk/bin", "mlflow", "published", "models"):
            os.makedirs(os.path.join(self.directory, part))
        for name, text in MLFLOW.items():
            self.write("mlflow/" + name, text)
        self.write("config.json", json.dumps(dict(
            {key + "_directory": self.path(key) for key in ("state", "cache")}, runtime_directory=self.path("run"),
            tracking_uri="http://127.0.0.1:5000", stack=self.path("stack"), jdk_home=self.path("jdk"), model_roots=[self.path("models")],
        )))
        self.spec = {
            "name": "churn", "model_uri": "models:/churn/Production", "resolved_uri": "models:/churn/3", "source": "s3://bucket/3",
            "port": 5003, "workers": 2, "memory_mb": 512, "startup_timeout": 90, "probe": None, "desired": "present", "updated_at": "",
        }
        self.mlmodel({"python_function": {"loader_module": "mlflow.sklearn"}})

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as stream:
            stream.write(text)

    def read(self, name):
        with open(self.path(name)) as stream:
            return stream.read()

    def mlmodel(self, flavors, **more):
        self.write("published/MLmodel", json.dumps(dict(more, flavors=flavors)))  # JSON is YAML

    def run(self, name="churn", **changes):
        """Returns (exit status, stderr, how MLflow was called or None)."""
        files.write_json(self.path("state/deployments/churn.json"), dict(self.spec, **changes))
        done = subprocess.run(
            [sys.executable, "-m", "mlops_agent.serve_model", "--config", self.path("config.json"), name],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": SOURCE + os.pathsep + self.directory, "HERE": self.directory,
                 "MLOPS_MODEL_LIMIT_MB": "512", "INVOCATION_ID": "0123", "AWS_SECRET_ACCESS_KEY": "canary",
                 "LD_PRELOAD": "", "SPARK_HOME": "", "CLASSPATH": ""},
            check=False,
        )
        called = None
        if os.path.exists(self.path("called.json")):
            with open(self.path("called.json")) as stream:
                called = json.load(stream)
            os.unlink(self.path("called.json"))
        return done.returncode, done.stderr.decode(), called

    def versions(self):
        return [entry for entry in os.listdir(self.path("cache/churn")) if entry != serve_model.WORK]

    def note(self):
        with open(self.path("run/churn/serving.json")) as stream:
            return json.load(stream)


@pytest.fixture
def launcher(tmp_path):
    return Launcher(tmp_path)


def test_it_serves_with_checked_arguments(launcher):
    status, errors, called = launcher.run()
    assert status == 0, errors
    model = os.path.join(launcher.path("cache/churn"), launcher.versions()[0])
    assert called["arguments"] == [
        "models", "serve", "--env-manager", "local", "--model-uri", model, "--host", "127.0.0.1", "--port", "5003",
        "--workers", "2", "--timeout", "90"]
    environment = called["environment"]
    assert environment["PATH"].startswith(launcher.path("stack/bin") + ":")
    assert environment["HOME"] == environment["TMPDIR"] == called["directory"] == launcher.path("cache/churn/work")
    assert environment["GIT_PYTHON_REFRESH"] == "quiet"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "canary"
    assert not {"PYTHONPATH", "JAVA_HOME", "H2O_JAR_PATH", "LD_PRELOAD", "SPARK_HOME", "CLASSPATH"} & set(environment)
    assert launcher.note()["flavors"] == ["python_function"] and launcher.note()["invocation"] == "0123"


def test_a_cached_model_needs_no_tracking_server(launcher):
    assert launcher.run()[0] == 0
    launcher.write("down", "")
    assert launcher.run()[2] is not None
    status, errors, called = launcher.run(resolved_uri="models:/churn/4")
    assert status == 1 and called is None
    assert errors == "Fetching models:/churn/4 failed: tracking server is down\n"


def test_an_interrupted_download_is_never_served(launcher):
    launcher.write("kill", "")
    assert launcher.run()[0] == -9
    assert all(name.startswith("partial-") for name in launcher.versions())
    os.unlink(launcher.path("kill"))
    assert launcher.run()[0] == 0
    assert len(launcher.versions()) == 1


def test_old_versions_are_forgotten(launcher):
    for version in range(3, 7):
        assert launcher.run(resolved_uri="models:/churn/{}".format(version))[0] == 0
    assert len(launcher.versions()) == serve_model.KEPT_VERSIONS


def test_a_model_on_this_host_is_copied(launcher):
    launcher.write("models/m/MLmodel", json.dumps({"flavors": {"python_function": {}}}))
    path = launcher.path("models/m")
    assert launcher.run(model_uri=path, resolved_uri=path)[0] == 0
    assert os.path.exists(path + "/MLmodel")


def test_spark_and_sparkling_water(launcher):
    launcher.mlmodel({"python_function": {}, "spark": {"model_data": "sparkml"}})
    status, errors, dummy = launcher.run()
    assert status == 78 and "needs a JDK 1.8" in errors
    launcher.write("jdk/bin/java", "")
    os.chmod(launcher.path("jdk/bin/java"), 0o755)
    environment = launcher.run()[2]["environment"]
    assert environment["JAVA_HOME"] == launcher.path("jdk")
    assert environment["PYSPARK_PYTHON"] == environment["PYSPARK_DRIVER_PYTHON"] == launcher.path("stack/bin/python")
    assert environment["PYSPARK_SUBMIT_ARGS"] == "--conf spark.ui.enabled=false pyspark-shell"
    launcher.write("published/sparkml/stages/0_x/metadata/part-00000", '{"class":"ai.h2o.sparkling.ml.models.H2OGBMMOJOModel"}\n')
    status, errors, dummy = launcher.run(resolved_uri="models:/churn/4")
    assert status == 78 and "add h2o-pysparkling to it" in errors
    jar = "stack/lib/python3.7/site-packages/sparkling_water/sparkling_water_assembly.jar"
    launcher.write(jar, "")
    assert launcher.run(resolved_uri="models:/churn/4")[2]["environment"]["PYSPARK_SUBMIT_ARGS"] == (
        "--conf spark.ui.enabled=false --driver-class-path {} pyspark-shell".format(launcher.path(jar)))


def test_every_model_keeps_spark_to_itself(launcher):
    """Also one that uses Spark without saying so."""
    environment = launcher.run()[2]["environment"]
    work = launcher.path("cache/churn/work")
    assert "spark.ui.enabled=false" in environment["PYSPARK_SUBMIT_ARGS"] and environment["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert environment["SPARK_LOCAL_DIRS"] == work
    # Both load libraries from there, which a /tmp that is mounted noexec does not let them.
    assert environment["JAVA_TOOL_OPTIONS"] == "-Djava.io.tmpdir={0} -Dorg.xerial.snappy.tempdir={0}".format(work)


def test_what_a_model_leaves_is_gone_at_the_next_start(launcher):
    assert launcher.run()[0] == 0
    launcher.write("cache/churn/work/mlflow/__init__.py", "raise SystemExit(66)")
    launcher.write("cache/churn/work/argparse.py", "raise SystemExit(66)")
    launcher.write("cache/churn/argparse.py", "raise SystemExit(66)")
    deep = launcher.path("cache/churn/work")
    for dummy in range(1500):
        os.chdir(deep)
        os.mkdir("d")
        deep = "d"
    os.chdir("/")
    status, errors, called = launcher.run()
    assert status == 0 and called["found"] == [".h2oconfig"], errors


def test_a_link_in_place_of_the_work_folder_is_not_followed(launcher):
    launcher.write("precious/file", "x")
    os.symlink(launcher.path("precious"), launcher.path("cache/churn/work"))
    assert launcher.run()[0] == 0
    assert os.listdir(launcher.path("precious")) == ["file"]


@pytest.mark.parametrize("place", ["MLmodel", "requirements.txt", "sparkml/stages/0_x/metadata/part-00000", "input_example.json"])
@pytest.mark.parametrize("what", ["pipe", "huge", "deep"])
def test_a_cached_model_that_was_tampered_with_does_not_hang_the_launcher(launcher, place, what):
    launcher.write("jdk/bin/java", "")
    os.chmod(launcher.path("jdk/bin/java"), 0o755)
    launcher.mlmodel({"python_function": {}, "spark": {}}, saved_input_example_info={"artifact_path": "input_example.json", "type": "dataframe"})
    launcher.write("published/" + place, launcher.read("published/MLmodel") if place == "MLmodel" else "{}")
    assert launcher.run()[0] == 0
    path = os.path.join("cache/churn", launcher.versions()[0], place)
    if what == "pipe":
        os.unlink(launcher.path(path))
        os.mkfifo(launcher.path(path))
    else:
        launcher.write(path, " " * (1 << 23) if what == "huge" else "[" * 100000)
    status, errors, called = launcher.run()
    assert "Traceback" not in errors
    # A version without an MLmodel that is a file is fetched anew.
    assert status == (78 if place == "MLmodel" and what != "pipe" else 0)


def test_addresses_that_stay_open_are_said(tmp_path, capsys):
    missing = str(tmp_path / "missing")
    serve_model.warn_of_open_addresses("link-local", [missing, missing])
    assert "can talk to link-local" in capsys.readouterr().out
    serve_model.warn_of_open_addresses("", [missing])
    serve_model.warn_of_open_addresses("link-local", [str(tmp_path), missing])
    serve_model.warn_of_open_addresses("link-local", [missing, str(tmp_path)])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("given, hosts", [
    ({}, "127.0.0.1,::1,localhost"),
    ({"no_proxy": "mirror, 127.0.0.1"}, "mirror,127.0.0.1,::1,localhost"),
    ({"NO_PROXY": "*"}, "*"),
])
def test_no_proxy_stands_between_the_host_and_itself(given, hosts):
    assert serve_model.without_proxy(given) == {"no_proxy": hosts, "NO_PROXY": hosts}
    proxied = dict(given, http_proxy="http://127.0.0.1:9", **serve_model.without_proxy(given))
    called = subprocess.run(
        [sys.executable, "-c", "import requests.utils as u; print(u.get_environ_proxies('http://127.0.0.1:5060/api'))"],
        env=proxied, stdout=subprocess.PIPE, check=True,
    )
    assert called.stdout.strip() == b"{}"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "::1", "fd00::7"])
def test_the_server_listens_at_an_address_of_either_family(launcher, address):
    config = json.loads(pathlib.Path(launcher.path("config.json")).read_text())
    launcher.write("config.json", json.dumps(dict(config, model_address=address)))
    arguments = launcher.run()[2]["arguments"]
    host, port = (arguments[arguments.index(option) + 1] for option in ("--host", "--port"))
    # As MLflow joins them for gunicorn, and gunicorn takes them apart.
    assert gunicorn.util.parse_address("{}:{}".format(host, port)) == (address, 5003)


def test_h2o(launcher):
    launcher.write("jdk/bin/java", "")
    os.chmod(launcher.path("jdk/bin/java"), 0o755)
    launcher.mlmodel({"python_function": {}, "h2o": {}})
    status, errors, dummy = launcher.run()
    assert status == 78 and "h2o.jar" in errors
    launcher.write("stack/lib/python3.7/site-packages/h2o/backend/bin/h2o.jar", "")
    assert launcher.run()[2]["environment"]["H2O_JAR_PATH"].endswith("/h2o/backend/bin/h2o.jar")


# The real client, up to where it starts a server.
H2O_CLIENT = """
import sys, h2o
from h2o.backend import H2OLocalServer
H2OLocalServer.start = staticmethod(lambda port, **rest: sys.exit("a server of its own at %s" % port))
h2o.init()
"""


def test_an_h2o_model_takes_nobody_elses_server(launcher):
    """Without the launcher's settings the client asks localhost:54321, and believes whoever answers there."""
    work = launcher.run()[2]["directory"]
    client = subprocess.run(
        [sys.executable, "-c", H2O_CLIENT], cwd=work, env={"HOME": work, "PATH": os.defpath},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
    )
    assert b"a server of its own at None" in client.stderr
    assert b"http://127.0.0.1:1 " in client.stdout and b"54321" not in client.stdout


def test_a_pyfunc_model_that_uses_spark_inside(launcher):
    launcher.write("published/requirements.txt", "mlflow==1.30.1\npyspark==3.2.1\n")
    assert "needs a JDK 1.8" in launcher.run()[1]


def test_the_input_example_becomes_the_row_to_score(launcher):
    launcher.mlmodel({"python_function": {}}, saved_input_example_info={
        "artifact_path": "input_example.json", "type": "dataframe", "pandas_orient": "split"})
    launcher.write("published/input_example.json", '{"columns": ["a"], "data": [[1]]}')
    assert launcher.run()[0] == 0
    assert launcher.note()["example"] == {"columns": ["a"], "data": [[1]]}


@pytest.mark.parametrize("info", [
    "x", {"artifact_path": "../MLmodel", "type": "dataframe"}, {"artifact_path": "/etc/passwd", "type": "ndarray"},
    {"artifact_path": "none.json", "type": "dataframe"}, {"artifact_path": "MLmodel", "type": "sparse_matrix_csr"}, {"type": "dataframe"},
])
def test_an_unusable_input_example_is_none(launcher, info):
    launcher.mlmodel({"python_function": {}}, saved_input_example_info=info)
    assert launcher.run()[0] == 0 and launcher.note()["example"] is None


@pytest.mark.parametrize("change", [
    {"port": "5001; id"}, {"port": 22}, {"resolved_uri": "models:/a/$(id)"}, {"resolved_uri": "/etc"}, {"workers": "1"}, {"name": "other"},
    {"startup_timeout": "1 --install-mlflow"}, {"extra": 1},
])
def test_a_hostile_spec_is_refused(launcher, change):
    status, errors, called = launcher.run(**change)
    assert status == 78 and called is None
    assert errors.startswith("The model is not served: ") and len(errors.splitlines()) == 1


@pytest.mark.parametrize("name", ["../churn", "a/b", "a\nb", "%i", "", "unknown"])
def test_a_hostile_name_is_refused(launcher, name):
    status, errors, called = launcher.run(name)
    assert status == 78 and called is None and "Traceback" not in errors


@pytest.mark.parametrize("text", [
    "", "flavors: x", "flavors: {sklearn: {}}", "flavors: {1: {}, python_function: {}}", "{",
    "!!python/object/apply:os.system ['touch /tmp/x']",
])
def test_a_strange_mlmodel_is_a_sentence(launcher, text):
    launcher.write("published/MLmodel", text)
    status, errors, called = launcher.run()
    assert status == 78 and called is None and len(errors.splitlines()) == 1
