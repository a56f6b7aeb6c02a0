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


def _file(role: str, path: str, secret: bool = False) -> list[Spoil]:
    """A file may hold something else, be open to others, belong to somebody else, or be gone."""
    name = path.rpartition("/")[2]
    return [
        Spoil(f"{name}: content", role, f"echo '# spoilt' >> {path}", path),
        Spoil(f"{name}: mode", role, f"chmod {'0644' if secret else '0666'} {path}", path),
        Spoil(f"{name}: owner", role, f"chown nobody {path}", path),
        Spoil(f"{name}: gone", role, f"rm {path}", path),
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
