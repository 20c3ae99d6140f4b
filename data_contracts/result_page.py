"""A result page: one small HTML file that needs nothing beside it.

Great Expectations' own pages fetch from the internet when opened; this one may not (its content
security policy forbids every request) and shows counts, never values.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c2530; --dim: #5b6673; --line: #d8dde3;
  --page: #ffffff; --head: #f3f5f7; --pass: #1a6b3c; --fail: #a4211b; --mark: #fdf1ef; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e4e8ec; --dim: #9aa5b1;
  --line: #36404a; --page: #14191e; --head: #1d242b; --pass: #6cc893; --fail: #f09087;
  --mark: #2e1d1c; }} }}
body {{ font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page);
  margin: 2rem auto; max-width: 66rem; padding: 0 1rem; }}
h1 {{ font-size: 1.35rem; margin: 0 0 .25rem; }}
p {{ margin: .25rem 0; color: var(--dim); }}
p.outcome {{ font-weight: 600; color: var(--ink); margin: 1rem 0; }}
.scroll {{ overflow-x: auto; margin-bottom: 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .7rem;
  border-bottom: 1px solid var(--line); }}
th {{ background: var(--head); font-weight: 600; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
code {{ font: 13px/1.4 ui-monospace, monospace; }}
small {{ color: var(--dim); }}
td.pass {{ color: var(--pass); font-weight: 600; }}
td.fail {{ color: var(--fail); font-weight: 600; }}
tr.fail {{ background: var(--mark); }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Run <code>{run_id}</code></p>
<p class="outcome">{outcome}</p>
<div class="scroll">
<table>
<thead><tr><th>Result</th><th>Rule</th><th>A failure means</th><th>Level</th>
<th class="n">Rows checked</th><th class="n">Rows failed</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<p>A row that fails a row rule goes to quarantine under the first rule it fails; a table rule that
fails stops the stage before it writes. Rows are counted under every rule they fail. This page
holds no values of the data.</p>
</body>
</html>
"""


def write_result_page(
    table_name: str, results: Sequence[Mapping[str, Any]], folder: Path, run_id: str
) -> Path:
    """Write what a check found as a page and return its path, ``{table_name}-{run_id}.html``.

    Parameters
    ----------
    table_name
        The table that was checked.
    results
        `Checked.results` or `ContractBroken.results`.
    folder
        Where to write; made if it does not exist.
    run_id
        The run that checked; letters, digits, ``-`` and ``_``.

    Raises
    ------
    ValueError
        If a name cannot be part of a file name.
    """
    for name in (table_name, run_id):
        if not name or not name.replace("-", "_").replace("_", "a").isalnum():
            raise ValueError("a result page is named by letters, digits, - and _ only")
    page = _PAGE.format(
        title=escape(f"Contract of table {table_name}"),
        run_id=escape(run_id),
        outcome=escape(_outcome(results)),
        rows="\n".join(_row(result) for result in results),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table_name}-{run_id}.html"
    path.write_text(page, encoding="utf-8")
    return path


def _outcome(results: Sequence[Mapping[str, Any]]) -> str:
    failed = [result for result in results if not result["success"]]
    broken = [r["rule"] for r in failed if r["level"] == "table" or r["error"]]
    if broken:
        return f"The contract is broken ({', '.join(broken)}): the stage stops."
    if failed:
        return f"{len(failed)} of {len(results)} rules have failing rows; the other rows go on."
    return f"All {len(results)} rules hold."


def _row(result: Mapping[str, Any]) -> str:
    verdict = "pass" if result["success"] else "fail"
    failed = "–" if result["failed"] is None else f"{result['failed']:,}"
    notes = []
    if result["columns"]:
        notes.append(f"in {', '.join(result['columns'])}")
    if result["error"]:
        notes.append(f"could not be evaluated: {result['error']}")
    note = "".join(f"<br><small>{escape(text)}</small>" for text in notes)
    return (
        f'<tr class="{verdict}"><td class="{verdict}">{verdict}</td>'
        f"<td><code>{escape(result['rule'])}</code></td>"
        f"<td>{escape(result['reason'])}{note}</td>"
        f"<td>{escape(result['level'])}</td>"
        f"<td class='n'>{result['checked']:,}</td>"
        f'<td class="n">{failed}</td></tr>'
    )
