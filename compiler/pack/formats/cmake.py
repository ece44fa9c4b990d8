"""Plain CMake: a static library for `add_subdirectory`, or installed for `find_package`."""

from __future__ import annotations

from compiler.pack.formats import Format
from compiler.pack.formats.kit import Kit


def files(kit: Kit) -> dict[str, bytes]:
    top = f"{kit.library_name}/"
    made = {
        **kit.headers(f"{top}include/"),
        **kit.sources(f"{top}src/"),
        f"{top}CMakeLists.txt": kit.files["CMakeLists.txt"] + kit.render("cmake/install.cmake.j2"),
        f"{top}README.md": kit.render("cmake/README.md.j2", toolchain=_toolchain(kit)),
    }
    if _toolchain(kit):
        made[top + _toolchain(kit)] = kit.render("cmake/toolchain.cmake.j2")
    for path, data in kit.files.items():
        if path.startswith(("test/", "examples/", "lib/")):
            made[top + path] = data
    return made


def _toolchain(kit: Kit) -> str:
    """The toolchain file for the target; none for this computer's own compiler."""
    return f"cmake/{kit.target.name}.cmake" if kit.target.gcc.prefix else ""


FORMAT = Format(
    name="cmake",
    title="CMake library",
    description="A static library for add_subdirectory or find_package, with a toolchain file for the target.",
    files=files,
)
