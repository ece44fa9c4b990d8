"""The pages beside the compiler's code: links lead somewhere, examples print what they say."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

from compiler.emit.c_kernel import KernelPrinter
from compiler.loop import builder, interp, nodes
from compiler.loop.verify import verify

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "compiler").rglob("*.md"))
OWN = [p for p in PAGES if "errors_catalog" not in p.parts]


@pytest.mark.parametrize("page", OWN, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", OWN, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = set(re.findall(r"`((?:[\w.]+/)*\w+\.py)`", page.read_text()))
    places = (page.parent, page.parent.parent, ROOT / "compiler", ROOT)
    names = {f.name for f in (ROOT / "compiler").rglob("*.py")}
    assert not [n for n in named if not any((p / n).exists() for p in places) and n not in names]


def test_the_example_of_an_emitter_prints_what_the_page_shows() -> None:
    text = (ROOT / "compiler/emit/README.md").read_text()
    found = re.search(r"<<'PYTHON'\n(.*?)PYTHON\n(.*?)```", text, re.DOTALL)
    assert found is not None
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(found[1], {})  # noqa: S102  (our own page)
    assert shown.getvalue() == found[2]


def test_the_example_of_the_loop_language_prints_and_runs() -> None:
    text = (ROOT / "compiler/loop/README.md").read_text()
    source, printed = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "c"))
    assert source is not None
    assert printed is not None
    scope = {**vars(nodes), **vars(builder)}
    exec(source[1], scope)  # noqa: S102  (our own page)
    function = scope["f"]
    verify(function)
    assert "\n".join(KernelPrinter().function(function, "static")) + "\n" == printed[1]
    y = np.zeros(2, np.float32)
    interp.run(function, {"x": np.arange(6, dtype=np.float32), "y": y})
    assert "`[ 3. 12.]`" in text
    np.testing.assert_array_equal(y, [3, 12])
