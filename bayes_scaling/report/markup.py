"""Small pieces of HTML, every text in them escaped."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from bayes_scaling.text import cells, compact


def paragraph(text: str) -> str:
    """One paragraph."""
    return f"<p>{escape(text)}</p>"


def items(texts: Sequence[str]) -> str:
    """A list, or nothing."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>" if texts else ""


def table(frame: pd.DataFrame, prob: float | None = 0.9) -> str:
    """A table as the command line prints it: sizes such as 100k, three significant digits."""
    caption, narrow = compact(frame, prob)
    head = "".join(f'<th scope="col">{escape(str(name).replace("_", " "))}</th>' for name in narrow.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in cells(narrow))
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{title}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def folded(summary: str, content: str) -> str:
    """Content that opens on request, and in print."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def json_text(value: Any) -> str:
    """JSON for a script element: no character in it can end the element or start another."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
