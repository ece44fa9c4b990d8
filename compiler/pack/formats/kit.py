"""What a package is made from: the files of an artifact, and what they say about the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pydantic

from compiler import targets
from compiler.emit.literals import C_TYPES
from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.pack import figures, render, summary
from compiler.pack.verdict import verdict
from compiler.report import Report, TensorInfo
from compiler.targets.base import Target

NO_ARTIFACT = "E1031"

_INCBIN = re.compile(r'(?:extern "C" )?__asm__\(\n(?:    ".*\n)*?    ".*\.incbin.*\n(?:    ".*\n)*?    ".*\);\n')
_SEMVER = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Tensor:
    """An input or output as the generated API has it."""

    index: int
    name: str
    c_type: str
    shape: str


@dataclass(frozen=True)
class Kit:
    options: CompileOptions
    report: Report
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Kit:
        """Read an artifact's report; a ModelError when the files are no artifact of ours."""
        try:
            report = Report.model_validate_json(files["report.json"])
            options = CompileOptions.model_validate(report.options)
            kit = cls(options, report, files)
            if kit.header not in files or kit.source not in files or any(map(_leads_out, files)):
                raise KeyError(kit.header)
        except (KeyError, pydantic.ValidationError) as error:
            raise ModelError(
                NO_ARTIFACT,
                "this is no artifact of a compilation by this version",
                facts={"looked for": "report.json, include/ and src/"},
                help="give the OUT.zip or the folder OUT that `deepmetal compile -o OUT` wrote, or compile again",
            ) from error
        return kit

    @property
    def name(self) -> str:
        """The prefix of every symbol."""
        return self.options.name

    @property
    def library_name(self) -> str:
        """What the package is called, so that it meets no other library."""
        return f"deepmetal_{self.name}"

    @property
    def version(self) -> str:
        """Build systems want three numbers: those of the compiler."""
        match = _SEMVER.match(self.report.deepmetal_version)
        return match[0] if match else "0.0.0"

    @cached_property
    def target(self) -> Target:
        return targets.target(self.options.target)

    @property
    def header(self) -> str:
        return f"include/{self.name}.h"

    @property
    def source(self) -> str:
        return f"src/{self.name}.{'ll' if self.options.emit == 'llvm' else self.options.emit}"

    @property
    def weights(self) -> str:
        """The file with the weights, or empty when they are in the source."""
        return next((path for path in self.files if path.startswith("src/") and path.endswith(".bin")), "")

    @property
    def object(self) -> str:
        """The object that was measured and validated; empty when the artifact has none."""
        return self._under("lib/", ".o")

    @property
    def library(self) -> str:
        return self._under("lib/", ".a")

    @property
    def vectors(self) -> bool:
        return "test/vectors.h" in self.files

    def _under(self, folder: str, ending: str) -> str:
        return next((path for path in sorted(self.files) if path.startswith(folder) and path.endswith(ending)), "")

    def headers(self, folder: str) -> dict[str, bytes]:
        """All public headers in `folder`."""
        return self._copied("include/", folder)

    def sources(self, folder: str) -> dict[str, bytes]:
        """Source and weights in `folder`, which must be on the source's include path."""
        return self._copied("src/", folder)

    def plain_sources(self, folder: str) -> dict[str, bytes]:
        """The same for build systems with include paths of their own: no file is pulled in by the assembler."""
        if not self.weights:
            return self.sources(folder)
        text, found = _INCBIN.subn("", self.files[self.source].decode())
        assert found == 1, "the emitter spells .incbin in another way than this package knows"
        ending = self.source.rpartition(".")[2]
        return {
            f"{folder}{self.name}.{ending}": text.encode(),
            f"{folder}{self.name}_weights.c": _as_array(f"{self.name}_weights", self.files[self.weights]),
        }

    def _copied(self, under: str, folder: str) -> dict[str, bytes]:
        return {folder + path.removeprefix(under): data for path, data in self.files.items() if path.startswith(under)}

    def render(self, template: str, **values: Any) -> bytes:
        """`templates/formats/<template>` with everything that the templates know about the model."""
        report = self.report
        text = render.render(
            f"formats/{template}",
            kit=self,
            name=self.name,
            upper=self.name.upper(),
            report=report,
            target=self.target,
            emit=self.options.emit,
            inputs=[_tensor(i, t) for i, t in enumerate(report.model.inputs)],
            outputs=[_tensor(i, t) for i, t in enumerate(report.model.outputs)],
            caller_arena=self.options.arena == "caller",
            sentence=verdict(report).sentence,
            needs=[row for row in summary.totals(report) if row.name in ("Flash", "RAM", "arena", "stack")],
            **{"entry": "", **values},
        )
        return text.encode()


def _leads_out(path: str) -> bool:
    """Such a path would go from a hostile artifact into the package."""
    return path.startswith("/") or "\\" in path or ".." in path.split("/")


def _tensor(index: int, info: TensorInfo) -> Tensor:
    return Tensor(index, info.name, C_TYPES[info.dtype], figures.shape(info.shape))


def _as_array(symbol: str, data: bytes) -> bytes:
    rows = (",".join(map(str, data[at : at + 32])) for at in range(0, len(data), 32))
    text = ",\n".join(rows)
    return (
        "#include <stdint.h>\n\n"
        f'extern const uint8_t {symbol}[] __attribute__((visibility("hidden")));\n'
        f"const uint8_t {symbol}[{len(data)}] __attribute__((aligned(16))) = {{\n{text}\n}};\n"
    ).encode()
