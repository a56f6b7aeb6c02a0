# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of gunicorn as `mlflow server` starts it: `--gunicorn-opts "--config <this file>"`.

`mlflow server` names its own application on gunicorn's command line, so the guard comes before it in each worker, as soon as
that has loaded it. A worker in which this fails does not start.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def post_worker_init(worker):
    """gunicorn calls this when a worker has loaded its application and not yet taken a request."""
    from tracking_guard import requests, stores, uris

    environ = os.environ
    proxied = environ.get("_MLFLOW_SERVER_SERVE_ARTIFACTS") == "true"
    root = environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION" if proxied else "_MLFLOW_SERVER_ARTIFACT_ROOT"]
    stores.install(uris.Places(root, proxied, environ.get("TRACKING_GUARD_FURTHER_URIS", "").split()))
    worker.wsgi = requests.Guard(worker.wsgi)
