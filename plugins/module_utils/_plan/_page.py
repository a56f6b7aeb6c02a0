# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The design that all reports of many hosts share as HTML: one page that needs nothing else, with filters by host, group and severity (also in its address:
C(#severity=critical)), for a screen, a phone and print."""

from __future__ import annotations

import base64
import collections
import hashlib
import html
import typing as t

#: What a row may look like, as the style below has it: it is to be mended; it is to be looked at; it is open; it is worth knowing; it is as wanted.
BAD, WARN, QUIET, NEWS, GOOD = "bad", "warn", "quiet", "news", "good"


class Severity(t.NamedTuple):
    """What a severity looks like, and what it means, as the rest of a sentence that begins with it."""

    look: str
    meaning: str


class Design(t.NamedTuple):
    """What one report is called and has in its columns.

    ``group`` is the name and the title of the column between host and item, by which is filtered too; ``change`` the title of the last column.
    ``severities`` come worst first.
    """

    title: str
    group: tuple[str, str]
    change: str
    severities: t.Mapping[str, Severity]


class Line(t.NamedTuple):
    """One row of a report. ``changes`` are texts with an arrow between each two; ``reason`` stands below them."""

    severity: str
    host: str
    group: str
    item: str
    changes: t.Sequence[str] = ()
    reason: str = ""


# Each colour stands out from its ground at 4.5 to 1 at least, as WCAG 2.1 AA asks. Names of hosts may be long, so that widths of columns are given
# and text may break anywhere.
_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1b1c1e; --quiet: #5f6368; --line: #d5d7db;
  --bad: #b3261e; --warn: #8a5300; --news: #3949ab; --good: #2e6b32;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #16181c; --text: #e4e6ea; --quiet: #a9adb5; --line: #3a3e46;
    --bad: #ff8a80; --warn: #ffb74d; --news: #a5b0ea; --good: #81c784;
  }
}
[hidden] { display: none !important; }
body { background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 80rem; padding: 1.25rem; }
h1 { font-size: 1.4rem; margin: 0; }
p { margin: .25rem 0 1rem; overflow-wrap: anywhere; }
form { align-items: end; display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1rem; }
label { display: grid; flex: 0 1 12rem; font-size: .85rem; gap: .2rem; min-width: 0; }
select, button { background: var(--ground); border: 1px solid var(--quiet); border-radius: .3rem; color: var(--text); font: inherit; font-size: 1rem; }
select, button { min-height: 2.5rem; padding: .3rem .6rem; }
select { width: 100%; }
button:disabled { opacity: .5; }
output { color: var(--quiet); padding: .5rem 0; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; }
th { background: var(--ground); font-size: .85rem; position: sticky; top: 0; }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; padding: .45rem .6rem; text-align: start; vertical-align: top; }
th.severity { width: 7.5rem; } th.host { width: 15%; } th.group { width: 12%; }
tbody tr { --severity: var(--quiet); }
tr.bad { --severity: var(--bad); } tr.warn { --severity: var(--warn); } tr.news { --severity: var(--news); }
tr.good { --severity: var(--good); }
td.severity { box-shadow: inset .25rem 0 var(--severity); color: var(--severity); font-weight: 600; overflow-wrap: normal; padding-left: .9rem; }
.reason { color: var(--quiet); font-size: .9rem; }
dl { color: var(--quiet); display: grid; font-size: .9rem; gap: .1rem .75rem; grid-template-columns: max-content 1fr; margin: 1.25rem 0 0; }
dt { font-weight: 600; }
dd { margin: 0; }
@media screen and (max-width: 56rem) {
  body { padding: 1rem; }
  label { align-items: center; flex-basis: 100%; grid-template-columns: 4.5rem 1fr; }
  thead { display: none; }
  table, tbody { display: block; }
  tr { border-bottom: 1px solid var(--line); border-left: .25rem solid var(--severity); display: flex; flex-wrap: wrap; gap: 0 .75rem; }
  tr { padding: .6rem 0 .6rem .75rem; }
  td { border: 0; flex: 0 1 auto; min-width: 0; padding: 0; }
  td:empty { display: none; }
  td.severity { box-shadow: none; padding: 0; }
  td.host { font-weight: 600; }
  td.item, td.change { flex-basis: 100%; }
}
@media print {
  :root { color-scheme: light; font-size: 10pt; }
  form { display: none; }
  tr, tr[hidden] { break-inside: avoid; display: table-row !important; }
  body { font-size: 1rem; max-width: none; padding: 0; }
  td.severity { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

# The controls are of no use without a script, so that it is the script that shows them.
_SCRIPT = """
const form = document.querySelector('form');
const selects = [...form.querySelectorAll('select')];
const rows = [...document.querySelectorAll('tbody tr')];
function show() {
  let shown = 0;
  for (const row of rows) {
    const fits = selects.every(select => !select.value || row.dataset[select.name] === select.value);
    row.hidden = !fits;
    shown += fits;
  }
  document.querySelector('output').value = shown === rows.length ? `All ${rows.length} rows` : `${shown} of ${rows.length} rows`;
  form.querySelector('button').disabled = selects.every(select => !select.value);
}
function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const select of selects) {
    const value = wanted.get(select.name) ?? '';
    select.value = [...select.options].some(option => option.value === value) ? value : '';
  }
  show();
}
function choose() {
  const chosen = new URLSearchParams(selects.filter(select => select.value).map(select => [select.name, select.value]));
  history.replaceState(null, '', '#' + chosen);
  show();
}
form.addEventListener('change', choose);
form.addEventListener('submit', event => event.preventDefault());
form.querySelector('button').addEventListener('click', () => {
  for (const select of selects) select.value = '';
  choose();
});
addEventListener('hashchange', follow);
form.hidden = false;
follow();
"""


def as_html(design: Design, lines: t.Sequence[Line], made_at: str, summary: str) -> str:
    """The page; `made_at` is in UTC. A text of a host stays text, and nothing but the page's own style and script is used: its policy names their digests."""
    group, title = design.group
    severities = [severity for severity in design.severities if any(line.severity == severity for line in lines)]
    choices = _select("host", "Host", sorted({line.host for line in lines}), [line.host for line in lines])
    choices += _select(group, title, sorted({line.group for line in lines} - {""}), [line.group for line in lines])
    choices += _select("severity", "Severity", severities, [line.severity for line in lines])
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src %s; script-src %s" % (_digest(_STYLE), _digest(_SCRIPT))
    head = "".join(
        '<th scope="col" class="%s">%s</th>' % column
        for column in (("severity", "Severity"), ("host", "Host"), ("group", title), ("item", "What"), ("change", design.change))
    )
    meanings = "".join("<dt>%s</dt><dd>%s</dd>" % (severity, design.severities[severity].meaning) for severity in severities)
    rows = "".join(_row(design, line) for line in lines)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="%s">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n'
        '<h1>%s</h1>\n<p>Made at %s. %s</p>\n<form hidden autocomplete="off">%s<button type="button">Show all</button><output></output>'
        "</form>\n<table>\n<thead><tr>%s</tr></thead>\n<tbody>\n%s</tbody>\n</table>\n<dl>%s</dl>\n<script>%s</script>\n</body>\n</html>\n"
    ) % (policy, design.title, _STYLE, design.title, _escape(made_at), _escape(summary), choices, head, rows, meanings, _SCRIPT)


def _escape(text: str) -> str:
    """What is no character, such as half of a pair, can't be written as UTF-8."""
    return html.escape(text.encode("utf-8", "replace").decode())


def _digest(text: str) -> str:
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _select(name: str, title: str, values: t.Sequence[str], seen: t.Iterable[str]) -> str:
    counts = collections.Counter(seen)
    options = "".join('<option value="%s">%s (%d)</option>' % (_escape(value), _escape(value), counts[value]) for value in values)
    return '<label>%s<select name="%s"><option value="">all</option>%s</select></label>' % (title, name, options)


def _row(design: Design, line: Line) -> str:
    filtered = (("host", line.host), (design.group[0], line.group), ("severity", line.severity))
    data = " ".join('data-%s="%s"' % (name, _escape(value)) for name, value in filtered)
    change = " → ".join(map(_text, line.changes))
    if line.reason:
        change += '<div class="reason" dir="auto">%s</div>' % _escape(line.reason)
    cells = "".join('<td class="%s">%s</td>' % cell for cell in (("host", _text(line.host)), ("group", _text(line.group))))
    # A sentence has the room of both columns.
    cells += '<td class="item"%s>%s</td>' % ("" if change else ' colspan="2"', _text(line.item))
    cells += '<td class="change">%s</td>' % change if change else ""
    return '<tr class="%s" %s><td class="severity">%s</td>%s</tr>\n' % (design.severities[line.severity].look, data, line.severity, cells)


def _text(value: str) -> str:
    """Set apart, so that a text that is written from right to left turns nothing around it."""
    return "<bdi>%s</bdi>" % _escape(value) if value else ""
