"""Text from models, made safe to show. Names in a model file are hostile until shown otherwise.

`plain` is for the terminal and the base of the others: one line, nothing invisible, bounded. HTML and SVG escape its
result (Jinja2's autoescape, `xml`); Markdown puts names into code spans (`code`) and escapes sentences (`markdown`).
"""

from __future__ import annotations

import re
from html import escape

LIMIT = 96
_ELLIPSIS = "…"
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|#~&$]")
_LINKS = re.compile(r"(?<=@)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_WORD_JOINER = "\u2060"


def plain(text: object, limit: int = LIMIT) -> str:
    """One visible line: control, formatting and bidirectional characters become `\\u001b`-like escapes.

    A text longer than `limit` loses its middle, since layer names differ at their ends.
    """
    source = str(text)
    if len(source) > 4 * limit:  # a 10 kB name is cut before it is looked at
        source = source[: 2 * limit] + _ELLIPSIS + source[-2 * limit :]
    shown = "".join(_visible(c) for c in source)
    if len(shown) <= limit:
        return shown
    head = (limit - 1) * 3 // 5
    return shown[:head] + _ELLIPSIS + shown[head + 1 - limit :]


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def xml(text: object, limit: int = LIMIT) -> str:
    """`plain`, escaped for XML and HTML, text and attributes alike."""
    return escape(plain(text, limit), quote=True)


def code(text: object, limit: int = LIMIT) -> str:
    """`plain` as a Markdown code span, where neither markup, links, mentions nor HTML mean anything.

    A pipe is escaped even there, because tables split cells first; outside tables use `code_line`.
    """
    return code_line(text, limit).replace("|", "\\|")


def code_line(text: object, limit: int = LIMIT) -> str:
    shown = plain(text, limit).replace("\\|", "|").strip()
    if not shown:
        return ""
    fence = "`"
    while fence in shown:
        fence += "`"
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def markdown(text: object, limit: int = 600) -> str:
    """A sentence in Markdown, inside or outside a table: no markup, and what forges link by themselves is broken up."""
    return _LINKS.sub(_WORD_JOINER, _MARKDOWN.sub(lambda m: "\\" + m.group(), plain(text, limit)))
