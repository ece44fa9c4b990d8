"""report.html, report.md and memory.svg: they say the right thing, stay within bounds, and let nothing in."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.pack.map_svg import bars, kinds, map_svg
from compiler.pack.memory_svg import memory_svg, peak_step
from compiler.pack.mix import layer_mixes, total_mix
from compiler.pack.report_html import report_html
from compiler.pack.report_md import MOST_BYTES, report_md
from compiler.pack.text import code, code_line, markdown, plain, xml
from compiler.pack.verdict import verdict, worst_layers
from compiler.report import MemoryInfo, MemoryTensor, RamTotals, Report
from tests.pack.reports import HOSTILE, ds_cnn, hostile, many_layers, not_run, timed

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "br", "wbr", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags with their attributes and the text between them; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def failed() -> Report:
    report = ds_cnn()
    assert report.validation is not None
    wrong = report.validation.model_copy(update={"passed": False, "max_abs_error": 0.25})
    return report.model_copy(update={"validation": wrong})


REPORTS = {
    "passed": ds_cnn(),
    "timed": timed(),
    "failed": failed(),
    "not run": not_run(),
    "hostile": hostile(),
    "many layers": many_layers(500),
}


def svg(report: Report) -> str:
    return memory_svg(report.memory, [layer.name for layer in report.layers])


# the verdict


def test_the_verdict_of_a_good_run() -> None:
    said = verdict(ds_cnn())
    assert said.headline == "Runs on cortex-m4"
    assert said.sentence == "Flash 91.7 KiB, RAM 62.7 KiB, matches ONNX Runtime 1.31.1 within 1.2e-06 on 8 vectors."


@pytest.mark.parametrize(
    ("exact", "error", "said"),
    [
        (True, 0.25, "integers exactly as defined, outputs within 0.25 of those of ONNX Runtime"),
        (True, 0.0, "integers exactly as defined, outputs equal to those of ONNX Runtime"),
        (False, 0.25, "integers as defined up to a rounded float, outputs within 0.25 of those of ONNX Runtime"),
        (None, 0.25, "matches ONNX Runtime"),
    ],
)
def test_the_verdict_on_integers_speaks_of_their_definition(exact: bool | None, error: float, said: str) -> None:
    report = ds_cnn()
    assert report.validation is not None
    checked = report.validation.model_copy(
        update={"bit_exact": False, "integers_exact": exact, "max_abs_error": error, "reference": "ONNX Runtime"}
    )
    assert said in verdict(report.model_copy(update={"validation": checked})).sentence


def test_the_verdict_never_claims_what_was_not_measured() -> None:
    assert verdict(not_run()).status == "not run"
    assert "RAM 62.5 KiB plus stack" in verdict(not_run()).sentence
    assert verdict(failed()).status == "failed"
    assert "disagrees" in verdict(failed()).headline


def test_worst_layers_come_first_and_equal_ones_not_at_all() -> None:
    report = ds_cnn()
    names = [layer.name for layer in worst_layers(report, 3)]
    assert names == ["softmax", "dense", "flatten"]
    equal = [layer.model_copy(update={"error": None}) for layer in report.layers]
    assert worst_layers(report.model_copy(update={"layers": equal})) == []


# report.html


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_page_is_whole_and_fetches_nothing(report: Report) -> None:
    page = Page(report_html(report))
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on")], tag
        assert not {"src", "srcset", "style", "action"} & set(attributes), tag
        assert (attributes.get("href") or "#").startswith("#"), attributes
        assert set(attributes) <= {
            "lang", "charset", "name", "content", "class", "href", "id", "aria-hidden", "aria-label", "title",
            "aria-labelledby", "role", "tabindex", "scope", "viewbox", "preserveaspectratio", "width", "height",
            "xmlns", "x", "y", "x1", "x2", "y1", "y2", "text-anchor", "transform",
        }  # fmt: skip
    assert "url(" not in report_html(report)
    assert "@import" not in report_html(report)


def test_boards_say_whether_the_model_fits_and_what_is_missing() -> None:
    words = [text.strip() for text in Page(report_html(ds_cnn())).text if text.strip()]
    assert any("it fits 1 of 3" in text for text in words)
    at = words.index("Roomy")
    assert words[at : at + 8] == ["Roomy", "Someone", "yes", "900,000", "500,000", "SRAM1", "12.3 ms", "168 MHz"]
    said = report_md(ds_cnn())
    assert "<summary>Fits 1 of 3 boards" in said
    assert "| `Partly known` (unverified) | unknown | – | 10 B | – | – |" in said
    assert "| `Tiny` | **no** | -1.21 KiB | -5.54 KiB | – | 48 MHz |" in said
    without = ds_cnn().model_copy(update={"boards": []})
    assert "boards" not in report_md(without)
    assert 'id="boards"' not in report_html(without)


def test_every_table_has_headers_and_every_id_is_unique() -> None:
    text = report_html(ds_cnn())
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        assert '<th scope="col"' in table
        assert '<th scope="row"' in table
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_the_page_shows_every_layer_with_its_share_in_words_too() -> None:
    text = report_html(ds_cnn())
    assert text.count('<svg viewBox="0 0 100 10"') == 13
    assert "<span>12.0 %</span>" in text
    assert "exact, from the linked ELF" in text
    assert "measured on QEMU" in text


def test_without_instructions_the_shares_are_of_macs_and_the_page_says_so() -> None:
    text = report_html(not_run())
    assert "share of all MACs, since instructions were not measured" in text
    assert "not measured" in text


# report.md


@pytest.mark.parametrize("count", [0, 1, 40, 41, 500])
def test_markdown_fits_in_a_comment(count: int) -> None:
    text = report_md(many_layers(count, "very/long/layer/name/" * 8 + "{}"))
    assert len(text.encode()) < MOST_BYTES
    shown = len(re.findall(r"^\| \d+ \| `", text, re.MULTILINE))
    assert shown == min(count, 40)
    assert (f"The 40 layers with the most instructions of {count}" in text) == (count > 40)


def test_markdown_with_names_of_ten_kilobytes_still_fits() -> None:
    text = report_md(many_layers(400, "\U0001f4a9" * 10_000 + "{}"))
    assert len(text.encode()) < MOST_BYTES


def test_the_biggest_layers_are_the_ones_shown_in_their_order() -> None:
    text = report_md(many_layers(60))
    rows = [int(n) for n in re.findall(r"^\| (\d+) \| `", text, re.MULTILINE)]
    assert rows == list(range(20, 60))


def test_markdown_tables_have_as_many_cells_as_headers_even_with_hostile_names() -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", report_md(hostile()), re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, table


def test_outside_code_spans_markdown_has_no_markup_from_the_model() -> None:
    text = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", report_md(hostile()))
    assert "<script" not in text.replace("\\<script", "")
    assert "](" not in text.replace("\\](", "")
    assert "https://" not in text
    assert "@everyone" not in text


# memory.svg


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_drawing_is_a_document_with_a_rectangle_per_tensor(report: Report) -> None:
    root = ElementTree.fromstring(svg(report))
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None
    groups = root.findall(f"{SVG}g")
    assert len(groups) == len(report.memory.tensors)
    assert all(g.find(f"{SVG}title") is not None and g.find(f"{SVG}rect") is not None for g in groups)
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "line", "text", "g",
    }  # fmt: skip


def test_rectangles_stay_inside_the_plot_and_do_not_overlap() -> None:
    root = ElementTree.fromstring(svg(ds_cnn()))
    boxes = []
    for group in root.findall(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, w, h = (float(rect.attrib[a]) for a in ("x", "y", "width", "height"))
        assert 0 < x < x + w <= float(root.attrib["width"])
        assert 0 < y < y + h < float(root.attrib["height"])
        boxes.append((x, y, x + w, y + h))
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[2] <= b[0] + 0.2 or b[2] <= a[0] + 0.2 or a[3] <= b[1] + 0.2 or b[3] <= a[1] + 0.2


def test_the_peak_counts_bytes_shared_in_place_once() -> None:
    memory = MemoryInfo(
        arena_bytes=300,
        lower_bound_bytes=300,
        tensors=[
            MemoryTensor(name="x", layer="", offset=0, size=100, first_use=-1, last_use=1),
            MemoryTensor(name="y", layer="a", offset=100, size=200, first_use=0, last_use=2),
            MemoryTensor(name="x2", layer="b", offset=0, size=100, first_use=1, last_use=2),
        ],
    )
    assert peak_step(memory, 3) == (0, 300)


def test_an_empty_plan_can_be_drawn() -> None:
    empty = MemoryInfo(arena_bytes=0, lower_bound_bytes=0, tensors=[])
    ElementTree.fromstring(memory_svg(empty, []))
    report = ds_cnn().model_copy(update={"memory": empty, "layers": []})
    totals = report.totals.model_copy(update={"ram": RamTotals(arena=0), "macs": 0})
    report = report.model_copy(update={"totals": totals})
    Page(report_html(report))
    assert report_md(report)


# text


@pytest.mark.parametrize("name", HOSTILE)
def test_plain_text_is_one_visible_line(name: str) -> None:
    shown = plain(name)
    assert shown.isprintable()
    assert len(shown) <= 96


def test_a_long_name_keeps_both_ends() -> None:
    shown = plain("begin/" + "x/" * 200 + "end", 40)
    assert len(shown) == 40
    assert shown.startswith("begin/")
    assert shown.endswith("/end")


@given(st.text())
def test_whatever_the_name_nothing_gets_out(name: str) -> None:
    assert plain(name).isprintable()
    assert ElementTree.fromstring(f'<a t="{xml(name)}">{xml(name)}</a>').text == (plain(name) or None)
    for line in (code(name), code_line(name), markdown(name)):
        assert "\n" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*[<\[\]`|]", markdown(name))
    span = code_line(name)
    if span:
        fence = re.match("`+", span)
        assert fence
        inner = span[len(fence.group()) : -len(fence.group())]
        assert fence.group() not in inner


def test_code_for_this_computer_is_not_said_to_have_run_on_qemu() -> None:
    base = not_run()
    flash = base.totals.flash.model_copy(update={"total": None, "other": None})
    tools = base.toolchain.model_copy(update={"emulator": None, "emulator_version": None, "counting": None})
    totals = base.totals.model_copy(update={"flash": flash})
    report = ds_cnn().model_copy(update={"totals": totals, "toolchain": tools, "layers": base.layers})
    assert verdict(report).sentence.startswith("Code and weights 91.1 KiB, RAM 62.5 KiB plus stack, matches")
    for text in (report_html(report), report_md(report)):
        assert "QEMU" not in text.split("Notes")[0].split("Instructions are those")[0]
        assert "exact, from the object file" in text


# cycles, instruction mix, map


def test_shares_are_of_cycles_where_every_layer_has_them() -> None:
    page, text = report_html(timed()), report_md(timed())
    assert "share of all cycles" in page
    assert "Cycles and milliseconds are estimates: Cortex-M4, memory without wait states, at 120 MHz" in page
    assert "| cycles | ms | share of cycles |" in text
    layers = timed().layers
    mixed = timed().model_copy(update={"layers": [layers[0].model_copy(update={"cycles": None}), *layers[1:]]})
    assert "share of all instructions" in report_html(mixed)
    assert "Cycles and milliseconds" not in report_html(ds_cnn())


def test_the_parts_of_a_mix_fill_the_bar_and_say_how_much_they_are() -> None:
    rows = layer_mixes(timed())
    assert len(rows) == len(timed().layers)
    for row in rows:
        assert sum(part.percent for part in row.parts) == pytest.approx(100)
        ends = [part.start + part.percent for part in row.parts]
        assert [part.start for part in row.parts] == pytest.approx([0, *ends[:-1]])
        assert sum(part.executed for part in row.parts) == sum((row.layer.mix or {}).values())
    whole = {part.name: part for part in total_mix(timed())}
    assert list(whole) == ["load", "multiply", "float", "branch"]
    assert f"multiply {whole['multiply'].percent:.1f} %" in report_html(timed())
    assert f"multiply {whole['multiply'].percent:.1f} %" in report_md(timed())
    assert 'id="mix"' not in report_html(ds_cnn())


def test_the_map_is_to_scale_and_has_every_byte() -> None:
    report = timed()
    drawn = bars(report)
    assert sum(b.size for b in drawn["flash"]) == report.totals.flash.total
    assert sum(b.size for b in drawn["ram"]) == report.totals.ram.total  # the measured stack included
    assert dict(kinds(report))["weights"] == report.totals.flash.weights
    root = ElementTree.fromstring(map_svg(report))
    blocks = [e for e in root.iter(f"{SVG}rect") if (e.get("class") or "").startswith("p ")]
    assert len(blocks) == sum(map(len, drawn.values()))
    widths = {e.get("class"): float(e.get("width") or 0) for e in blocks}
    wanted = (report.totals.flash.weights or 0) / (report.totals.flash.total or 1)
    assert widths["p weights"] / 1076 == pytest.approx(wanted, abs=0.001)
    right = float((root.get("viewBox") or "").split()[2])
    for element in root.iter(f"{SVG}rect"):
        assert (
            0
            <= float(element.get("x") or 0)
            <= float(element.get("x") or 0) + float(element.get("width") or 0)
            <= right
        )


def test_without_a_firmware_there_is_no_map() -> None:
    assert map_svg(ds_cnn()) == ""
    assert 'id="map"' not in report_html(ds_cnn())


def test_the_map_shows_names_and_nothing_else_of_a_hostile_model() -> None:
    root = ElementTree.fromstring(map_svg(hostile()))
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "g",
        "text",
        "line",
    }
