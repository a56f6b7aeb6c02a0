# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Whether the tracking server takes the login that Sparkflows is to be given, told by its answer."""

from __future__ import annotations

import typing as t


def pending(answer: t.Mapping[str, t.Any]) -> bool:
    """Whether the answer says nothing yet: none came, or only what stands before the tracking server spoke."""
    return answer["error"] is not None or answer["status"] is None or answer["status"] >= 500


def problem(answer: t.Mapping[str, t.Any], url: str, with_login: bool) -> str:
    """A sentence for an answer that proves no login; empty when the login was taken.

    :param answer: C(status) and C(error) as host_info tells them of a call of MLflow's API.
    :param url: the tracking URL, for the sentence.
    :param with_login: whether a user name was sent.
    """
    status, error = answer["status"], answer["error"]
    variables = "sparkflows_tracking_username and sparkflows_tracking_password"
    if error is not None or status is None:
        cause = "%s Check that the tracking server runs and that no firewall is in between." % (error or "There is no answer.")
    elif status == 401 and with_login:
        cause = "The tracking server does not accept the login (401). Check %s: they must be those that the tracking server was given." % variables
    elif status == 401:
        cause = "The tracking server asks for a login (401). Give %s." % variables
    elif status == 403:
        cause = "The tracking server forbids access to this login (403). Check what the user of sparkflows_tracking_username may do there."
    elif status == 407:
        cause = "A proxy on the way asks for a login of its own (407). Take the tracking server out of the host's proxy settings."
    elif status == 429:
        cause = "The tracking server answers no more for now (429), as after too many tries with a wrong password. Wait, and check %s." % variables
    elif 300 <= status < 400:
        cause = "It answers with a redirect (%d), as login pages do. Set sparkflows_tracking_url to the address of MLflow itself." % status
    elif status >= 500:
        cause = "What stands before the tracking server answers with status %d. Check that MLflow itself runs behind it." % status
    else:
        # 404 is MLflow's own answer where the experiment that is asked for was deleted.
        return ""
    return "The login at %s is not proved, so nothing was saved. %s" % (url, cause)
