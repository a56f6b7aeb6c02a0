# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A plan as one HTML page that needs nothing else: filters by host, role and severity (also in its address: C(#severity=finding)), for a screen, a phone and
print."""

from __future__ import annotations

import html
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.report import SEVERITIES, Row, summary

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --finding: #c62828; --difference: #b26a00; --note: #5c6bc0; --unchanged: #2e7d32; --open: #777; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
p { margin: .25rem 0 1rem; }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1rem; }
label { display: grid; font-size: .8rem; gap: .2rem; }
select { font: inherit; min-width: 10rem; padding: .3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
td.severity { font-weight: 600; white-space: nowrap; }
tr.finding .severity { color: var(--finding); } tr.difference .severity { color: var(--difference); } tr.note .severity { color: var(--note); }
tr.unchanged .severity { color: var(--unchanged); } tr.open .severity { color: var(--open); }
.reason { color: #777; font-size: .9rem; }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { border-bottom: 2px solid var(--line); display: block; padding: .5rem 0; }
  td { border: 0; display: block; padding: .1rem 0; }
  td:empty { display: none; }
}
@media print { form { display: none; } body { max-width: none; padding: 0; } tr { break-inside: avoid; } }
"""

_SCRIPT = """
const selects = [...document.querySelectorAll('select')];
function show() {
  let shown = 0;
  for (const row of document.querySelectorAll('tbody tr')) {
    const fits = selects.every(select => !select.value || row.dataset[select.name] === select.value);
    row.hidden = !fits;
    shown += fits;
  }
  document.getElementById('shown').textContent = shown;
}
const wanted = new URLSearchParams(location.hash.slice(1));
for (const select of selects) {
  select.value = wanted.get(select.name) ?? '';
  select.addEventListener('change', show);
}
show();
"""


def as_html(rows: t.Sequence[Row], made_at: str) -> str:
    """The page; `made_at` is in UTC."""
    choices = "".join(
        _select(name, title, values)
        for name, title, values in (
            ("host", "Host", sorted({row.host for row in rows})),
            ("role", "Role", sorted({row.role for row in rows if row.role})),
            ("severity", "Severity", [severity for severity in SEVERITIES if any(row.severity == severity for row in rows)]),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>Plan of sparkflows.mlops</title>\n<style>%s</style>\n</head>\n<body>\n<h1>Plan of sparkflows.mlops</h1>\n"
        '<p>Made at %s. %s <span id="shown">%d</span> rows are shown.</p>\n<form>%s</form>\n'
        "<table>\n<thead><tr><th>Severity</th><th>Host</th><th>Role</th><th>What</th><th>Is → will be</th></tr></thead>\n<tbody>\n%s</tbody>\n</table>\n"
        "<script>%s</script>\n</body>\n</html>\n"
    ) % (_STYLE, html.escape(made_at), html.escape(summary(rows)), len(rows), choices, "".join(map(_row, rows)), _SCRIPT)


def _select(name: str, title: str, values: t.Sequence[str]) -> str:
    options = "".join('<option value="%s">%s</option>' % (html.escape(value), html.escape(value)) for value in values)
    return '<label>%s<select name="%s"><option value="">all</option>%s</select></label>' % (title, name, options)


def _row(row: Row) -> str:
    data = " ".join('data-%s="%s"' % (name, html.escape(getattr(row, name))) for name in ("host", "role", "severity"))
    reason = '<div class="reason">%s</div>' % html.escape(row.reason) if row.reason else ""
    cells = (row.host, row.role, row.item)
    return '<tr class="%s" %s><td class="severity">%s</td>%s<td>%s%s</td></tr>\n' % (
        row.severity,
        data,
        row.severity,
        "".join("<td>%s</td>" % html.escape(cell) for cell in cells),
        html.escape(row.change),
        reason,
    )
