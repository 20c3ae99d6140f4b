"""One self-contained page of the dashboard's figures, to be mailed or kept: no server, no internet.

Charts are drawn by Vega, which stands in the page once. The page's content-security policy lets no
script run but that text (by its hash) and lets nothing be fetched or sent. It allows `eval`, by
which Vega makes functions of the expressions in our charts.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from flows.dashboard.charts.figure import Figure

_ON_WINDOW = "window.vegaEmbed = vegaEmbed;"
_DRAW = """
for (const spec of document.querySelectorAll('script[type="application/json"]')) {
  const place = document.getElementById(spec.dataset.chart);
  vegaEmbed(place, JSON.parse(spec.textContent), {actions: false, renderer: 'svg'});
}
"""

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1 { margin-bottom: 0; } h2 { margin: 2.5rem 0 0.25rem; font-size: 1.25rem; }
p.told, p.reading { color: #555; margin-top: 0.25rem; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { border-bottom: 1px solid #ddd; padding: 2px 10px 2px 0; text-align: left; }
.wide { overflow-x: auto; }
"""


def archived_page(
    title: str, told: str, figures: Sequence[Figure], tables: Sequence[tuple[str, pd.DataFrame]]
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title, told
        Its heading, and a line under it: of which lake and when.
    figures
        Shown in this order, each with its numbers.
    tables
        Titles and rows, after the figures.
    """
    script = _bundle() + _DRAW
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' 'unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = [_figure(figure, f"chart-{number}") for number, figure in enumerate(figures)]
    parts += [f"<h2>{escape(name)}</h2>{_rows(rows)}" for name, rows in tables]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f'<h1>{escape(title)}</h1><p class="told">{escape(told)}</p>\n'
        + "\n".join(parts)
        + f"\n<script>{script}</script></body></html>\n"
    )


def save_page(path: Path, page: str) -> None:
    """Write the page whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def _figure(figure: Figure, place: str) -> str:
    html = f'<h2>{escape(figure.title)}</h2><p class="reading">{escape(figure.reading)}</p>'
    if figure.chart is None:
        return html
    spec = json.dumps(_wide(figure.chart.to_dict())).replace("<", "\\u003c")
    return (
        f'{html}<div class="wide"><div id="{place}"></div></div>'
        f'<script type="application/json" data-chart="{place}">{spec}</script>'
        f"<details><summary>Numbers</summary>{_rows(figure.rows)}</details>"
    )


def _wide(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a chart's specification with the width of the page."""
    spec.setdefault("config", {}).setdefault("view", {})["continuousWidth"] = 760  # pixels
    return spec


def _rows(rows: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in rows.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>"
        for row in rows.itertuples(index=False)
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def _bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, without what would end it in HTML."""
    import vl_convert

    return vl_convert.javascript_bundle(_ON_WINDOW).replace("</script", "<\\/script")
