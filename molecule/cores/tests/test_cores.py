# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run alike on every ansible-core that is supported, from the built artifact and without a warning of ours."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Operator
from testinfra.host import Host

from testbed import collection, cores
from testbed.common import cache

# As an operator has it, with facts that are kept from run to run.
CONFIGURATION = """
[defaults]
gathering = smart
fact_caching = ansible.builtin.jsonfile
callback_result_format = yaml

[ssh_connection]
pipelining = true
"""

# The oldest and the newest have a host that begins with nothing; only there a first check mode has much to foretell.
BARE = (next(iter(cores.CORES)), next(reversed(cores.CORES)))


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection.build(tmp_path_factory.mktemp("artifact"))


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home, with a short path: the socket of a lasting connection lies in it."""
    with tempfile.TemporaryDirectory(prefix="core-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("core", cores.CORES)
def test_a_site_on_each_core(core: str, artifact: Path, home: Path, on: Callable[[str], Host]) -> None:
    environment = cores.environment(core)
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "HOME": str(home),
        "PATH": f"{environment.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SPARKFLOWS_MLOPS_CACHE": str(cache()),
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(home / "facts"),
    }
    (home / "ansible.cfg").write_text(CONFIGURATION)
    install = [environment.bin / "ansible-galaxy", "collection", "install", "--offline", artifact]
    subprocess.run(install, env=settings, check=True, capture_output=True, cwd=home)
    operator = Operator(environment.bin / "ansible-playbook", settings)
    host = f"core-{core.replace('.', '-')}"
    limit, variables = ["--limit", f"{host},sparkflows"], {"core_host": host}

    if core in BARE:
        assert operator.play("site", *limit, "--check", "--diff", **variables).code == 0
    assert operator.play("site", *limit, **variables).changed
    assert operator.play("site", *limit, **variables).unchanged
    assert operator.play("site", *limit, "--check", "--diff", **variables).unchanged
    assert operator.play("plan", *limit, **variables).unchanged
    assert operator.play("preflight", *limit, **variables).unchanged
    assert operator.play("verify", *limit, **variables).code == 0
    assert (home / "facts").is_dir()

    agent = "/proc/$(systemctl show --property=MainPID --value mlops-agent)/environ"
    seen = on(host).check_output(f"tr '\\0' '\\n' < {agent} | sed -n 's/^MLOPS_AGENT_TOKEN=//p'")
    assert seen == '["looks","like","a","list"]'
