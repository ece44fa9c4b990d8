"""An ESP-IDF component with an example project."""

from __future__ import annotations

from compiler.options import CompileOptions
from compiler.pack.formats import Format
from compiler.pack.formats.kit import Kit
from compiler.targets import target

# Target -> the chips with such a core; machine code runs on these only.
CHIPS = {
    "rv32imc": ("esp32c2", "esp32c3"),
    "rv32imac": ("esp32c6", "esp32h2"),
    "rv32imafc": ("esp32p4",),
}


def refuses(options: CompileOptions) -> str | None:
    if options.emit == "llvm" and target(options.target).name not in CHIPS:
        return f"its machine code is for {options.target}; compile for an rv32 target, or emit c or cpp"
    return None


def files(kit: Kit) -> dict[str, bytes]:
    top = f"{kit.library_name}/"
    code = kit.sources(f"{top}src/")
    if kit.options.emit == "llvm":
        code = {f"{top}lib/lib{kit.name}.a": kit.files[kit.library]}
    return {
        **kit.headers(f"{top}include/"),
        **code,
        f"{top}CMakeLists.txt": kit.render("esp-idf/CMakeLists.txt.j2"),
        f"{top}idf_component.yml": kit.render("esp-idf/idf_component.yml.j2", chips=CHIPS.get(kit.target.name, ())),
        f"{top}README.md": kit.render("esp-idf/README.md.j2"),
        f"{top}examples/classify/CMakeLists.txt": kit.render("esp-idf/project.cmake.j2"),
        f"{top}examples/classify/main/CMakeLists.txt": kit.render("esp-idf/main.cmake.j2"),
        f"{top}examples/classify/main/main.c": kit.render(
            "example.c.j2", printer="printf", entry="void app_main(void)"
        ),
    }


FORMAT = Format(
    name="esp-idf",
    title="ESP-IDF component",
    description="A component for Espressif's ESP-IDF 5, with an example project.",
    files=files,
    refuses=refuses,
)
