"""A Zephyr module: zephyr/module.yml, CMake and Kconfig, and a sample application."""

from __future__ import annotations

from compiler.pack.formats import Format
from compiler.pack.formats.kit import Kit


def files(kit: Kit) -> dict[str, bytes]:
    top = f"{kit.library_name}/"
    code = kit.sources(f"{top}src/")
    if kit.options.emit == "llvm":
        code = {f"{top}lib/lib{kit.name}.a": kit.files[kit.library]}
    return {
        **kit.headers(f"{top}include/"),
        **code,
        f"{top}zephyr/module.yml": kit.render("zephyr/module.yml.j2"),
        f"{top}CMakeLists.txt": kit.render("zephyr/CMakeLists.txt.j2"),
        f"{top}Kconfig": kit.render("zephyr/Kconfig.j2"),
        f"{top}README.md": kit.render("zephyr/README.md.j2"),
        f"{top}samples/classify/CMakeLists.txt": kit.render("zephyr/sample.cmake.j2"),
        f"{top}samples/classify/prj.conf": kit.render("zephyr/prj.conf.j2"),
        f"{top}samples/classify/sample.yaml": kit.render("zephyr/sample.yaml.j2"),
        f"{top}samples/classify/src/main.c": kit.render("example.c.j2", printer="printk"),
    }


FORMAT = Format(
    name="zephyr",
    title="Zephyr module",
    description="A module with Kconfig option and sample; add it with ZEPHYR_EXTRA_MODULES or to west.yml.",
    files=files,
)
