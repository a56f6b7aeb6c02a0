# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of gunicorn as `mlflow server` starts it: `--gunicorn-opts "--config <this file>"`.

`mlflow server` names its own application on gunicorn's command line, so the guard comes before it in each worker, as soon as
that has loaded it. A worker in which this fails does not start.
"""

from __future__ import annotations

import os
import sys
import typing as t

if t.TYPE_CHECKING:
    from tracking_guard.uris import Places

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def _places() -> Places:
    from tracking_guard import uris

    proxied = os.environ.get("_MLFLOW_SERVER_SERVE_ARTIFACTS") == "true"
    root = os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION" if proxied else "_MLFLOW_SERVER_ARTIFACT_ROOT"]
    return uris.Places(root, proxied, os.environ.get("TRACKING_GUARD_FURTHER_URIS", "").split())


def on_starting(server: object) -> None:
    """gunicorn calls this before it makes a worker."""
    database = os.environ.get("_MLFLOW_SERVER_FILE_STORE", "")
    if database.startswith("sqlite:///") and _places().holds(database[len("sqlite:///") :]):
        raise SystemExit("The database %s lies in the artifact store, where every client could read it. Keep it elsewhere." % database)


def post_worker_init(worker: t.Any) -> None:
    """gunicorn calls this when a worker has loaded its application and not yet taken a request."""
    from tracking_guard import downloads, requests, stores

    stores.install(_places())
    downloads.install()
    worker.wsgi = requests.Guard(worker.wsgi, os.environ.get("TRACKING_GUARD_NAME", ""))
