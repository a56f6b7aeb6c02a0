# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times two other ways to the stack; runs as root on the host, standard library only.

``guide``: the admin guide's nine ``pip install`` commands into a fresh environment, with everything in pip's cache.
``unpack``: the finished environment out of a zstd archive, without bytecode, which pip_stack too adds later. Prints the seconds as one JSON object.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time

# The admin guide's commands, with the one version corrected that was never published.
PINS = (
    "h2o-pysparkling-3.2==3.36.1.2.post1",
    "pyspark==3.2.1",
    "mlflow==1.30.1",
    "boto3==1.28.50",
    "Flask==2.2.4",
    "click==8.1.3",
    "tornado==6.2",
    "Pylint==2.5.3",
    "numpy==1.21.6",
)
# Python 3.7's pip looks at its own CAs alone; a site's are in the system's bundle.
ENVIRONMENT = dict(os.environ, PIP_CERT="/etc/ssl/certs/ca-certificates.crt", PIP_DISABLE_PIP_VERSION_CHECK="1")
PYTHON = "/opt/sparkflows/python/current/bin/python3.7"
WORK = "/var/tmp/sparkflows-bench"


def main(stack, attempts, index=None):
    if index:
        ENVIRONMENT["PIP_INDEX_URL"] = index
    os.makedirs(WORK, exist_ok=True)
    while compiling():
        time.sleep(1)
    install_as_the_guide_says()  # fills the cache, and builds what has to be built
    guide = install_as_the_guide_says()
    archive = WORK + "/stack.tar.zst"
    run("tar", "--create", "--zstd", "--file", archive, "--directory", os.path.realpath(stack), "--exclude=__pycache__", ".")
    unpack = statistics.median(unpacked(archive) for attempt in range(attempts))
    shutil.rmtree(WORK)
    print(json.dumps({"guide": guide, "unpack": unpack}))


def compiling():
    """Whether the bytecode of a fresh stack is still being compiled in the background, which would slow down the others."""
    units = subprocess.run(
        ["systemctl", "list-units", "--no-legend", "--state=active,activating", "sparkflows-compile*"], stdout=subprocess.PIPE, check=True
    )
    return bool(units.stdout.strip())


def install_as_the_guide_says():
    venv = WORK + "/guide"
    shutil.rmtree(venv, ignore_errors=True)
    run(PYTHON, "-m", "venv", venv)
    started = time.monotonic()
    for pin in PINS:
        run(venv + "/bin/pip", "install", pin)
    return time.monotonic() - started


def unpacked(archive):
    target = WORK + "/unpacked"
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)
    started = time.monotonic()
    run("tar", "--extract", "--zstd", "--file", archive, "--directory", target)
    return time.monotonic() - started


def run(*command):
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit("%s failed: %s" % (" ".join(command), done.stdout.decode()[-2000:]))


main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
