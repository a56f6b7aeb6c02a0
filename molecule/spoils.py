# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with what the roles leave behind, each by one command on the host, and where the plan has to see it."""

from __future__ import annotations

from typing import NamedTuple

PREFIX, ETC, UNITS = "/opt/sparkflows", "/etc/sparkflows-mlops", "/etc/systemd/system"
PACKAGES = f"{PREFIX}/stack/current/lib/python3.7/site-packages"


class Spoil(NamedTuple):
    """A command that spoils one thing; the role that owns it; a text that the plan's row has in its item."""

    name: str
    role: str
    command: str
    seen: str


def _file(role: str, path: str, secret: bool = False, seen: str = "") -> list[Spoil]:
    """A file may hold something else, be open to others, belong to somebody else, or be gone."""
    name = path.rpartition("/")[2]
    return [
        Spoil(f"{name}: content", role, f"echo '# spoilt' >> {path}", seen or path),
        Spoil(f"{name}: mode", role, f"chmod {'0644' if secret else '0666'} {path}", seen or path),
        Spoil(f"{name}: owner", role, f"chown nobody {path}", seen or path),
        Spoil(f"{name}: gone", role, f"rm {path}", seen or path),
    ]


def _unit(role: str, name: str) -> list[Spoil]:
    return [
        Spoil(f"{name}: stopped", role, f"systemctl stop {name}", name),
        Spoil(f"{name}: disabled", role, f"systemctl disable --quiet {name}", name),
    ]


def _release(role: str, prefix: str) -> list[Spoil]:
    """A release may be gone, incomplete, or not the one that is pointed to."""
    return [
        Spoil(f"{role}: link gone", role, f"rm {prefix}/current", prefix),
        Spoil(f"{role}: link elsewhere", role, f"ln -sfn /usr {prefix}/current", prefix),
        Spoil(f"{role}: release gone", role, f"rm -r {prefix}/releases", prefix),
    ]


AGENT_UNITS = [
    "mlops-agent.service", "mlops-agent.socket", "mlops-model-helper.service", "mlops-model-helper.socket", "mlops-model@.service",
    "mlops-port@.service", "mlops-port@.socket",
]  # fmt: skip

SPOILS = [
    *_release("jdk", f"{PREFIX}/jdk"),
    Spoil("jdk: does not run", "jdk", f"chmod a-x {PREFIX}/jdk/current/bin/java", f"{PREFIX}/jdk"),
    *_release("python", f"{PREFIX}/python"),
    Spoil("python: does not run", "python", f"chmod a-x $(readlink -f {PREFIX}/python/current/bin/python3.7)", f"{PREFIX}/python"),
    *_release("pip_stack", f"{PREFIX}/stack"),
    Spoil("stack: a distribution gone", "pip_stack", f"rm -r {PACKAGES}/click-*.dist-info", "click"),
    Spoil(
        "stack: a distribution too many", "pip_stack",
        f"d={PACKAGES}/stranger-1.0.dist-info; mkdir $d; printf 'Metadata-Version: 2.1\\nName: stranger\\nVersion: 1.0\\n' > $d/METADATA",
        "stranger",
    ),
    Spoil(
        "stack: another version", "pip_stack",
        f"cd {PACKAGES}; mv click-8.1.3.dist-info click-8.1.2.dist-info; sed -i 's/^Version: .*/Version: 8.1.2/' click-8.1.2.dist-info/METADATA", "click",
    ),
    *_file("mlflow_server", f"{UNITS}/mlflow-server.service"),
    *_file("mlflow_server", f"{ETC}/mlflow-server.env", secret=True),
    *_unit("mlflow_server", "mlflow-server.service"),
    Spoil("mlflow-server: runs with an older file", "mlflow_server", f"sleep 1.1; touch {ETC}/mlflow-server.env", "mlflow-server.service"),
    Spoil("guard: content", "mlflow_server", f"echo '# spoilt' >> {PREFIX}/tracking-guard/current/tracking_guard/uris.py", f"{PREFIX}/tracking-guard"),
    Spoil("guard: gone", "mlflow_server", f"rm -r {PREFIX}/tracking-guard", f"{PREFIX}/tracking-guard"),
    *_file("mlflow_server", "/etc/nginx/conf.d/mlflow-server.conf"),
    *_unit("mlflow_server", "nginx.service"),
    *_file("mlflow_server", f"{ETC}/mlflow-proxy.crt"),
    *_file("mlflow_server", f"{ETC}/mlflow-proxy.login"),
    Spoil("login: another name", "mlflow_server", f"sed -i 's/^[^:]*:/stranger:/' {ETC}/mlflow-proxy.login", f"{ETC}/mlflow-proxy.login"),
    Spoil("certificate: mode", "mlflow_server", f"chmod 0644 {ETC}/mlflow-proxy.pem", f"{ETC}/mlflow-proxy.pem"),
    Spoil("certificate: a run that was cut short", "mlflow_server", f"touch {ETC}/mlflow-proxy.pem.new", f"{ETC}/mlflow-proxy.pem.new"),
    Spoil("data: mode", "mlflow_server", "chmod 0777 /var/lib/mlflow-server", "/var/lib/mlflow-server"),
    *_file("mlops_agent", f"{ETC}/mlops-agent.json"),
    *_file("mlops_agent", f"{ETC}/mlops-agent.env", secret=True),
    *_file("mlops_agent", f"{ETC}/model-serving.env", secret=True),
    *(spoil for unit in AGENT_UNITS for spoil in _file("mlops_agent", f"{UNITS}/{unit}")),
    *_unit("mlops_agent", "mlops-agent.service"),
    *_unit("mlops_agent", "mlops-agent.socket"),
    *_unit("mlops_agent", "mlops-model-helper.socket"),
    Spoil("agent's user: shell", "mlops_agent", "usermod --shell /bin/bash mlops-agent", "user mlops-agent"),
    Spoil("a former release's helper", "mlops_agent", f"touch {UNITS}/mlops-model-helper@.service", "mlops-model-helper@.service"),
    Spoil("agent: code", "mlops_agent", f"echo '# spoilt' >> {PREFIX}/mlops-agent/current/mlops_agent/metrics.py", f"{PREFIX}/mlops-agent"),
    *_release("mlops_agent", f"{PREFIX}/mlops-agent"),
    Spoil("the configuration's folder: mode", "mlflow_server", f"chmod 0777 {ETC}", ETC),
    Spoil("firewall: rules gone", "firewall", "nft delete table inet sparkflows_mlops", "firewall"),
    *_file("firewall", f"{ETC}/firewall.nft"),
    *_file("firewall", f"{PREFIX}/firewall/firewall.py"),
    *_file("firewall", f"{UNITS}/sparkflows-mlops-firewall.service"),
    *_unit("firewall", "sparkflows-mlops-firewall.service"),
    Spoil("firewall's folder: mode", "firewall", f"chmod 0777 {PREFIX}/firewall", f"{PREFIX}/firewall"),
]

SCORERS = "/var/lib/sparkflows-mlops/scorer"
ENGINE = "curl -sSf --unix-socket /run/docker.sock"


def _container(name: str, method: str, call: str, seen: str, body: str = "{}") -> Spoil:
    """A call of the engine's own interface for the container of the scorer `first`, or for its images."""
    known = f"import json; known = json.load(open('{SCORERS}/state.json')); print(known['services']['first']['container'])"
    command = f"""c=$(python3 -c "{known}"); {ENGINE} -X {method} -H 'Content-Type: application/json' -d '{body}' "http://docker/containers/{call}" """
    return Spoil(name, "scorer", command, seen)


#: Of a host with the scorers `first`, whose model is a folder of the host, and `second`, whose model is fetched.
SCORER_SPOILS = [
    _container("container: stopped", "POST", "$c/stop?t=1", "first"),
    _container("container: killed", "POST", "$c/kill", "first"),
    _container("container: paused", "POST", "$c/pause", "first"),
    _container("container: gone", "DELETE", "$c?force=1", "its container is gone"),
    _container("container: memory", "POST", "$c/update", "first: Memory of its container", '{"Memory": 1073741824, "MemorySwap": 1073741824}'),
    _container("container: processors", "POST", "$c/update", "first: NanoCpus of its container", '{"NanoCpus": 500000000}'),
    _container("container: not started with the host", "POST", "$c/update", "first: RestartPolicy", '{"RestartPolicy": {"Name": "no"}}'),
    Spoil(
        "container: a stranger", "scorer",
        f"""i=$({ENGINE} http://docker/images/json | grep -o 'sha256:[0-9a-f]*' | head -n 1); {ENGINE} -H 'Content-Type: application/json' """
        """-d '{"Image": "'$i'", "Labels": {"sparkflows-mlops.scorer": "stranger"}}' 'http://docker/containers/create?name=stranger'""",
        "containers that serve nothing",
    ),
    Spoil("model of the host: a file changed", "scorer", "echo >> /srv/models/one/MLmodel", "first: model's digest"),
    Spoil("model of the host: a file more", "scorer", "touch /srv/models/one/spoilt", "first: model's digest"),
    Spoil("model of the host: another folder", "scorer", "cd /srv/models; cp -a one copy; rm -r one; mv copy one", "first: its model"),
    Spoil("fetched model: a file changed", "scorer", f"echo >> {SCORERS}/models/second/current/weights.json", "second: model's digest"),
    Spoil("fetched model: a file gone", "scorer", f"rm {SCORERS}/models/second/current/weights.json", "second: model's digest"),
    Spoil("fetched model: gone", "scorer", f"rm -r {SCORERS}/models/second", "second: model's digest"),
    Spoil("fetched model: link gone", "scorer", f"rm {SCORERS}/models/second/current", "second: its model on the host"),
    Spoil("fetched model: of nobody", "scorer", f"mkdir -p {SCORERS}/models/stranger", "fetched models"),
    Spoil("state: open to others", "scorer", f"chmod 0644 {SCORERS}/state.json", "state.json"),
    Spoil("state: owner", "scorer", f"chown nobody {SCORERS}/state.json", "state.json"),
    Spoil("state: gone", "scorer", f"rm {SCORERS}/state.json", "missing"),
    *_file("scorer", f"{ETC}/scorer-proxy.cfg"),
    *_file("scorer", f"{UNITS}/scorer-proxy.service", seen="scorer-proxy.service"),
    Spoil("proxy: stopped", "scorer", "systemctl stop scorer-proxy.service", "requests"),
    Spoil("proxy: disabled", "scorer", "systemctl disable --quiet scorer-proxy.service", "scorer-proxy.service"),
    Spoil("proxy: unit not read anew", "scorer", f"sleep 1.1; touch {UNITS}/scorer-proxy.service", "scorer-proxy.service"),
    Spoil("proxy: another port of a container", "scorer", "python3 -c \"" + "; ".join([
        "import socket", "s = socket.socket(socket.AF_UNIX)", "s.connect('/run/haproxy-scorer/admin.sock')",
        "s.sendall(b'set server first/active addr 127.0.0.1 port 9\\n')", "s.recv(100)",
    ]) + "\"", "requests"),
    Spoil("proxy: another port for clients", "scorer", f"sed -i 's/:9001$/:9003/' {ETC}/scorer-proxy.cfg; systemctl reload scorer-proxy", "the proxy"),
    *_file("scorer", "/etc/docker/certs.d/registry:5000/ca.crt", seen="CA of the registry"),
    Spoil("engine: disabled", "scorer", "systemctl disable --quiet docker.service", "docker.service"),
]  # fmt: skip

DOUBLE, COOKIES, SECRETS = "http://127.0.0.1:8080", "/run/somebody", "/var/lib/sparkflows-mlops/sparkflows-secrets.json"


def _setting(name: str, number: int, key: str, value: str, seen: str) -> Spoil:
    """Somebody saves a setting of Sparkflows by the interface that its pages use."""
    entry = f'[{{"confProperty": {{"id": {number}, "name": "{key}", "value1": "{value}"}}}}]'
    login = f"curl -sSf -o /dev/null -c {COOKIES} -d 'username=admin&password=admin' {DOUBLE}/login"
    save = f"curl -sSf -b {COOKIES} -H 'Content-Type: application/json' -d '{entry}' {DOUBLE}/api/v1/configurations"
    return Spoil(name, "sparkflows", f"{login} && {save}; code=$?; rm {COOKIES}; exit $code", f"setting {seen}")


#: Of a Sparkflows server that masks secrets and whose settings are saved by its REST API.
SERVER_SPOILS = [
    _setting("setting: address", 60, "mlops.mlflow.trackingURL", "http://old.example.com:5000", "MLflow Tracking URL"),
    _setting("setting: address emptied", 60, "mlops.mlflow.trackingURL", "", "MLflow Tracking URL"),
    _setting("setting: mode", 61, "mlops.mlflow.deploy.mode", "remote", "MLflow Deploy Mode"),
    _setting("setting: the admin's own", 1, "app.runOnCluster", "true", "Run on Spark Cluster"),
    Spoil("memory of secrets: open to others", "sparkflows", f"chmod 0644 {SECRETS}", SECRETS),
    Spoil("memory of secrets: owner", "sparkflows", f"chown nobody {SECRETS}", SECRETS),
    # Nobody can tell any more whether the password is the one that was saved.
    Spoil("memory of secrets: gone", "sparkflows", f"rm {SECRETS}", "setting Kubeflow Password"),
]

PROPERTIES, RESTART = "/home/sparkflows/fire/conf/configuration.properties", "/var/lib/sparkflows-mlops/sparkflows-restart-due"

#: Of a Sparkflows server whose settings stand in its own file.
PROPERTIES_SPOILS = [
    Spoil("line: address", "sparkflows", f"sed -i 's|^mlops.mlflow.trackingURL=.*|&0|' {PROPERTIES}", "setting mlops.mlflow.trackingURL"),
    Spoil("line: gone", "sparkflows", f"sed -i '/^mlops.mlflow.deploy.mode=/d' {PROPERTIES}", "setting mlops.mlflow.deploy.mode"),
    Spoil("line: a comment", "sparkflows", f"sed -i 's/^mlops.mlflow.deploy.mode=/#&/' {PROPERTIES}", "setting mlops.mlflow.deploy.mode"),
    Spoil("line: twice, the later one wins", "sparkflows", f"echo mlops.mlflow.deploy.mode=remote >> {PROPERTIES}", "setting mlops.mlflow.deploy.mode"),
    Spoil("line: twice the same", "sparkflows", f"echo mlops.mlflow.deploy.mode=local >> {PROPERTIES}", PROPERTIES),
    Spoil("line: secret", "sparkflows", f"sed -i 's/^mlops.kubeflow.password=.*/&x/' {PROPERTIES}", "setting mlops.kubeflow.password"),
    Spoil("file: open to others", "sparkflows", f"chmod 0644 {PROPERTIES}", f"{PROPERTIES}: mode"),
    Spoil("file: emptied", "sparkflows", f"truncate --size=0 {PROPERTIES}", "setting "),
    Spoil("Sparkflows: not restarted", "sparkflows", f"touch {RESTART}", "Sparkflows"),
]
