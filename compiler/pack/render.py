"""Jinja2 as this package uses it: templates beside the code, an unknown name is an error, HTML escapes by itself."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from compiler.pack import figures, text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("compiler.pack"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        plain=text.plain,
        breakable=_breakable,
        code=text.code_line,
        cell=text.code,
        md=text.markdown,
        count=figures.count,
        short=figures.short,
        size=figures.size,
        small=figures.small,
        dims=figures.shape,
    )
    return environment


def _breakable(name: object, limit: int) -> Markup:
    """A name for a table cell, escaped by `xml`; the browser may break it after a separator."""
    return Markup(re.sub(r"[/_.:]+", r"\g<0><wbr>", text.xml(name, limit)))


def render(template: str, **values: Any) -> str:
    """The text of `templates/<template>`."""
    return _environment().get_template(template).render(**values)
