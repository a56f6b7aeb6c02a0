# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launches one served model inside its unit: python -m mlops_agent.serve_model --config FILE NAME

It reads the stored deployment, fetches the model into the unit's cache unless it is there,
derives the environment from the model's MLmodel file, leaves a note for the agent, and runs
"mlflow models serve". A cached model starts without the tracking server.

Until then it works in the root directory, where no model can leave a module for it. What a model
leaves behind apart from downloaded versions is gone at the next start.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t

import yaml

from . import config as settings
from . import files, request_counts, rules, store

if t.TYPE_CHECKING:
    from .spec import Spec

    class Described(t.TypedDict):
        """What is read of a model's file MLmodel; a flavor's own settings are nobody's business here."""

        flavors: dict[str, object]
        saved_input_example_info: t.NotRequired[object]


#: sysexits.h; the unit does not try again after it.
EX_CONFIG = 78

#: Model versions that stay cached: this one and the one before it, for a quick way back.
KEPT_VERSIONS = 2

PARTIAL_PREFIX = "partial-"

#: The model's home, working and temporary directory, empty at each start. Not /tmp: that may be mounted noexec, and
#: the JVM loads libraries from it.
WORK = "work"

#: What H2O's client reads in its home. Left alone it takes whatever answers at port 54321 for its own server: that of another
#: model, or a stranger's, which would get the rows. Nobody but root could answer here, so it starts one of its own at the next free port.
H2O_SETTINGS = "init.url = http://127.0.0.1:1\n"

#: Bytes of a file that is part of a model and read here.
DESCRIPTION_LIMIT = 4 * 1024 * 1024


class CannotServe(Exception):
    """The model cannot be served, and trying again will not help. The text is a sentence."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="serve_model", description="Serves one deployed model.")
    parser.add_argument("--config", required=True, help="JSON file with the agent's settings")
    parser.add_argument("name", help="name of the deployment, or of a run of one")
    arguments = parser.parse_args()
    try:
        serve(settings.load(arguments.config), rules.instance_name(arguments.name))
    except FileNotFoundError as error:
        fail("The model is not served: {} does not exist.".format(error.filename))
    except (CannotServe, ValueError) as error:
        fail("The model is not served: {}".format(error))


def fail(sentence: str) -> t.NoReturn:
    print(sentence, file=sys.stderr, flush=True)
    sys.exit(EX_CONFIG)


def serve(config: settings.Config, name: str) -> None:
    """Prepare the model of one deployment and serve it until it ends."""
    spec = store.read_spec(store.spec_path(settings.deployments_directory(config), name), config.model_roots)
    stack = os.path.realpath(config.stack)
    note: dict[str, object] = {
        "digest": spec.digest(int(os.environ.get("MLOPS_MODEL_LIMIT_MB", "0")), config.model_address, settings.surroundings(config)),
        "invocation": os.environ.get("INVOCATION_ID", ""),
        "port": spec.port,
    }
    note_path = os.path.join(config.runtime_directory, name, "serving.json")
    files.write_json(note_path, note)

    warn_of_open_addresses(os.environ.get("MLOPS_MODEL_DENIED_ADDRESSES", ""))
    cache = os.path.join(config.cache_directory, name)
    work = fresh_directory(os.path.join(cache, WORK))
    with open(os.path.join(work, ".h2oconfig"), "w") as stream:
        stream.write(H2O_SETTINGS)
    os.environ.update(without_proxy(os.environ))
    environment = base_environment(os.environ, config, stack, work)
    environment.update(counting_environment(environment, os.path.join(config.runtime_directory, name)))
    model = cached_model(cache, spec.artifact_key()) or fetch(config, spec, cache)
    described = read_mlmodel(model)
    environment.update(flavor_environment(described, model, config, stack))
    note.update(flavors=sorted(described["flavors"]), example=input_example(described, model))
    files.write_json(note_path, note)
    prune(cache, spec.artifact_key())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(work)
    run_mlflow(mlflow_arguments(spec, config, model))


#: Where version 2 of cgroups is, alone or beside version 1.
UNIFIED = ("/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/unified/cgroup.controllers")


def warn_of_open_addresses(denied: str, unified: t.Sequence[str] = UNIFIED) -> None:
    """Say when the addresses that the unit denies are open all the same, which systemd says once and to nobody."""
    if denied and not any(map(os.path.exists, unified)):
        print("This host has no cgroup version 2, so the model can talk to {} although it should not.".format(denied), flush=True)


#: What this host is called by itself.
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def without_proxy(given: t.Mapping[str, str]) -> dict[str, str]:
    """The variables with which no proxy of an environment stands between the host and itself, for the tracking server may be here.

    Programs read one spelling or the other.
    """
    named = given.get("no_proxy") or given.get("NO_PROXY") or ""
    hosts = [host.strip() for host in named.split(",") if host.strip()]
    # A star means all, and only by itself.
    text = "*" if "*" in hosts else ",".join(hosts + [host for host in LOOPBACK if host not in hosts])
    return {"no_proxy": text, "NO_PROXY": text}


def fresh_directory(path: str) -> str:
    """Make an empty directory in place of whatever is there."""
    remove_tree(path)
    os.mkdir(path, 0o700)
    return path


def remove_tree(path: str) -> None:
    """Remove what is there, however deep it is: shutil.rmtree gives up at a depth of about 1,000."""
    subprocess.run(["rm", "-rf", "--", path], stdin=subprocess.DEVNULL, check=False)


def base_environment(given: t.Mapping[str, str], config: settings.Config, stack: str, work: str) -> dict[str, str]:
    """The environment of every model: what the unit gives that is not empty, and what MLflow and Spark need.

    A model may use Spark without saying so, so each gets what keeps Spark to itself: no web
    interface, no address but the loopback's, and temporary files where libraries can be loaded from.
    """
    environment = {key: value for key, value in given.items() if value and key != "PYTHONPATH"}
    environment.update(
        {
            "PATH": os.path.join(stack, "bin") + os.pathsep + given.get("PATH", os.defpath),
            "HOME": work,
            "TMPDIR": work,
            # MLflow looks for git on import and complains loudly where there is none.
            "GIT_PYTHON_REFRESH": "quiet",
            "MLFLOW_TRACKING_URI": config.tracking_uri,
            # Spark's workers would take the system's python3.
            "PYSPARK_PYTHON": os.path.join(stack, "bin", "python"),
            "PYSPARK_DRIVER_PYTHON": os.path.join(stack, "bin", "python"),
            "PYSPARK_SUBMIT_ARGS": spark_arguments(),
            "SPARK_LOCAL_DIRS": work,
            # Where the host's own name does not resolve, Spark would not start.
            "SPARK_LOCAL_IP": "127.0.0.1",
            "JAVA_TOOL_OPTIONS": " ".join([given.get("JAVA_TOOL_OPTIONS", ""), "-Djava.io.tmpdir=" + work, "-Dorg.xerial.snappy.tempdir=" + work]).strip(),
        }
    )
    return environment


def counting_environment(given: t.Mapping[str, str], runtime_directory: str) -> dict[str, str]:
    """What has the model's server count the rows that it scores. A configuration file that the admin names takes the place of ours."""
    return {
        # MLflow gives it to a shell without quotes; no prefix of ours has a character that would need them.
        "GUNICORN_CMD_ARGS": "--config {} {}".format(os.path.realpath(request_counts.__file__), given.get("GUNICORN_CMD_ARGS", "")).strip(),
        request_counts.PATH_VARIABLE: os.path.join(runtime_directory, request_counts.FILE),
    }


def spark_arguments(jar: str = "") -> str:
    options = ["--conf", "spark.ui.enabled=false"] + (["--driver-class-path", jar] if jar else [])
    return " ".join(options + ["pyspark-shell"])


def cached_model(cache: str, key: str) -> str | None:
    path = os.path.join(cache, key)
    return path if os.path.isfile(os.path.join(path, "MLmodel")) else None


def fetch(config: settings.Config, spec: Spec, cache: str) -> str:
    """Download the model; it appears in the cache at once and complete, or not at all."""
    for leftover in glob.glob(os.path.join(cache, PARTIAL_PREFIX + "*")):
        remove_tree(leftover)
    os.environ.update(
        MLFLOW_TRACKING_URI=config.tracking_uri,
        GIT_PYTHON_REFRESH="quiet",
        **({"MLFLOW_TRACKING_SERVER_CERT_PATH": config.tracking_ca_file} if config.tracking_ca_file else {}),
    )
    print("Fetching {}".format(spec.resolved_uri), flush=True)
    partial = tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=cache)
    from mlflow.artifacts import download_artifacts

    try:
        found = download_artifacts(artifact_uri=spec.resolved_uri, dst_path=partial)
    except Exception as error:  # each kind of store has its own errors; systemd tries again
        sys.exit("Fetching {} failed: {}".format(spec.resolved_uri, error))
    if not os.path.realpath(found).startswith(os.path.realpath(partial)):
        # MLflow does not copy what is on this host already.
        found = shutil.copytree(found, os.path.join(partial, "model"))
    if not os.path.isfile(os.path.join(found, "MLmodel")):
        raise CannotServe("{} holds no file MLmodel, so it is not an MLflow model.".format(spec.resolved_uri))
    model = os.path.join(cache, spec.artifact_key())
    remove_tree(model)
    files.sync_tree(found)
    os.rename(found, model)
    files.sync_directory(cache)
    remove_tree(partial)
    return model


def read_mlmodel(model: str) -> Described:
    path = os.path.join(model, "MLmodel")
    try:
        described = yaml.safe_load(files.read_regular(path, DESCRIPTION_LIMIT).decode("utf-8"))
    except FileNotFoundError:
        raise
    except (yaml.YAMLError, OSError, ValueError, RecursionError):
        described = None
    flavors = described.get("flavors") if isinstance(described, dict) else None
    if not isinstance(flavors, dict) or not all(isinstance(flavor, str) for flavor in flavors):
        raise CannotServe("{} does not describe a model.".format(path))
    if "python_function" not in flavors:
        raise CannotServe("The model has the flavors {}, but not python_function, which is needed to serve it.".format(", ".join(sorted(flavors)) or "(none)"))
    return t.cast("Described", described)


def flavor_environment(described: Described, model: str, config: settings.Config, stack: str) -> dict[str, str]:
    """What the model's flavors need. Raises CannotServe when that is not on this host."""
    needs = set(described["flavors"]) | _requirements(model)
    spark = needs & {"spark", "pyspark"}
    h2o = "h2o" in needs
    environment = {}
    if spark or h2o:
        if not os.access(os.path.join(config.jdk_home, "bin", "java"), os.X_OK):
            raise CannotServe("The model needs a JDK 1.8, but there is no java in {}/bin.".format(config.jdk_home))
        environment["JAVA_HOME"] = config.jdk_home
    if spark and _uses_sparkling_water(model):
        jar = _in_site_packages(stack, "sparkling_water/sparkling_water_assembly.jar", "h2o-pysparkling")
        environment["PYSPARK_SUBMIT_ARGS"] = spark_arguments(jar)
    if h2o:
        environment["H2O_JAR_PATH"] = _in_site_packages(stack, "h2o/backend/bin/h2o.jar", "h2o")
    return environment


def _requirements(model: str) -> set[str]:
    """Distribution names in the model's requirements.txt: a pyfunc model may use Spark inside."""
    try:
        text = files.read_regular(os.path.join(model, "requirements.txt"), DESCRIPTION_LIMIT).decode("utf-8")
        return {line.partition("==")[0].strip().lower() for line in text.splitlines()}
    except (OSError, ValueError):
        return set()


def _uses_sparkling_water(model: str) -> bool:
    """Whether a stage of the Spark pipeline is one of Sparkling Water's; its metadata names the class."""
    for path in glob.iglob(os.path.join(glob.escape(model), "sparkml", "**", "metadata", "part-*"), recursive=True):
        try:
            if b"ai.h2o.sparkling" in files.read_regular(path, DESCRIPTION_LIMIT).partition(b"\n")[0]:
                return True
        except OSError:
            continue
    return False


def _in_site_packages(stack: str, path: str, distribution: str) -> str:
    for found in glob.glob(os.path.join(glob.escape(stack), "lib", "python3*", "site-packages", path)):
        return found
    raise CannotServe("The model needs {}, which is not in the Python environment: add {} to it.".format(os.path.basename(path), distribution))


def input_example(described: Described, model: str) -> rules.Row | None:
    """The saved input example as a request body, or None when there is none that can be sent."""
    info = described.get("saved_input_example_info")
    if not isinstance(info, dict):
        return None
    name = info.get("artifact_path")
    # The form of other examples (sparse matrices, CSV) is not what the server takes.
    if info.get("type") not in ("dataframe", "ndarray") or not isinstance(name, str) or os.path.basename(name) != name:
        return None
    try:
        example = json.loads(files.read_regular(os.path.join(model, name), rules.PROBE_LIMIT).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return example if isinstance(example, dict) else None


def prune(cache: str, key: str) -> None:
    """Forget all but the newest cached versions and this one."""
    versions = [entry for entry in os.scandir(cache) if entry.is_dir(follow_symlinks=False) and os.path.isfile(os.path.join(entry.path, "MLmodel"))]
    os.utime(os.path.join(cache, key))
    versions.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    others = [entry.path for entry in versions if entry.name != key]
    for path in others[KEPT_VERSIONS - 1 :]:
        remove_tree(path)


def mlflow_arguments(spec: Spec, config: settings.Config, model: str) -> list[str]:
    # MLflow puts host and port together as they are.
    host = settings.bracketed(spec.address(config.model_address))
    return [
        "models",
        "serve",
        "--env-manager",
        "local",
        "--model-uri",
        model,
        "--host",
        host,
        "--port",
        str(spec.port),
        "--workers",
        str(spec.workers),
        "--timeout",
        str(spec.request_timeout),
    ]


def run_mlflow(arguments: list[str]) -> None:
    """Run MLflow's command in this process: its import, most of a start, is paid once with fetch's."""
    from mlflow.cli import cli

    try:
        cli(arguments, prog_name="mlflow", standalone_mode=False)
    except Exception as error:  # the reason stands in the log above; a traceback would bury it
        sys.exit("mlflow models serve has ended: {}".format(error))


if __name__ == "__main__":
    main()
