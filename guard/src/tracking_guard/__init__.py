# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands between MLflow 1.30.1's tracking server and its clients, and keeps it inside its artifact store.

MLflow 1.30.1 takes almost any `source` and `artifact_location` and opens what they name. Here

- `uris` decides which of them may be recorded, and which the server itself may open;
- `stores` puts these decisions where MLflow reads and writes: no route and no encoding leads past them;
- `filters` bounds what searches may cost;
- `requests` refuses what no client sends before MLflow sees it;
- `gunicorn.conf.py` brings them into each worker of `mlflow server`.
"""
