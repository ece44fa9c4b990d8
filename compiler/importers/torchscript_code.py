"""The program text of a TorchScript archive: classes and functions by name, parsed when asked for, never executed.

TorchScript writes a small part of Python. A file is parsed by Python's own parser after a look at how deep it nests,
so that no text can exhaust the parser; what the statements mean is in `torchscript_run.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from compiler.errors import ModelError
from compiler.importers.archive import Archive
from compiler.importers.torch_pickle import shown

MAX_TEXT = 4 << 20  # bytes of one file
MAX_ALL_TEXT = 16 << 20
_MAX_BRACKETS = 64  # deep; TorchScript itself breaks expressions up long before

_MARKS = re.compile(r"[\"'\\\n()\[\]{}]")


@dataclass(frozen=True)
class Type:
    """A class: its methods, the attributes whose value is part of the text, and what it derives from."""

    name: str
    base: str
    methods: Mapping[str, ast.FunctionDef]
    constants: Mapping[str, ast.expr] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()  # the attributes that are trained


class Code:
    """The text below `code/`, by the dotted names that programs use."""

    def __init__(self, archive: Archive, prefix: str) -> None:
        self.where = archive.context.where
        self._archive = archive
        self._prefix = f"{prefix}code/"
        self._files: dict[str, dict[str, ast.ClassDef | ast.FunctionDef]] = {}
        self._types: dict[str, Type] = {}
        self._read = 0

    def type(self, name: str) -> Type:
        """The class `__torch__.a.b.C`."""
        if name not in self._types:
            node = self._definition(name)
            if not isinstance(node, ast.ClassDef):
                self._unreadable(f"'{shown(name)}' is not a class")
            self._types[name] = _type(name, node)
        return self._types[name]

    def function(self, name: str) -> ast.FunctionDef:
        node = self._definition(name)
        if not isinstance(node, ast.FunctionDef):
            self._unreadable(f"'{shown(name)}' is not a function")
        return node

    def defines(self, name: str) -> bool:
        """Whether a dotted name is a function or class of the file, rather than the beginning of a longer name."""
        file, _, last = name.rpartition(".")
        return f"{self._prefix}{file.replace('.', '/')}.py" in self._archive.members and last in self._file(file)

    def is_type(self, name: str) -> bool:
        return isinstance(self._definition(name), ast.ClassDef)

    def _definition(self, name: str) -> ast.ClassDef | ast.FunctionDef:
        file, _, last = name.rpartition(".")
        found = self._file(file).get(last)
        if found is None:
            self._unreadable(f"'{shown(name)}' is not in it")
        return found

    def _file(self, dotted: str) -> dict[str, ast.ClassDef | ast.FunctionDef]:
        if dotted not in self._files:
            member = f"{self._prefix}{dotted.replace('.', '/')}.py"
            if member not in self._archive.members:
                self._unreadable(f"the file of '{shown(dotted)}' is missing")
            data = bytes(self._archive.read(member, MAX_TEXT))
            self._read += len(data)
            if self._read > MAX_ALL_TEXT:
                self._too_much("it has more text than any network needs")
            body = self._parsed(data, dotted).body
            self._files[dotted] = {n.name: n for n in body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}
        return self._files[dotted]

    def _parsed(self, data: bytes, dotted: str) -> ast.Module:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            self._unreadable(f"'{shown(dotted)}' is not text")
        if _nests_too_deeply(text):
            self._too_much(f"'{shown(dotted)}' nests too deeply")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError) as error:
            self._unreadable(f"'{shown(dotted)}' is not TorchScript: {shown(str(error))}")
        except (RecursionError, MemoryError):
            self._too_much(f"'{shown(dotted)}' nests too deeply")

    def _unreadable(self, finding: str) -> NoReturn:
        raise ModelError(
            "E0140",
            f"The program in the TorchScript file cannot be read: {finding}",
            where=self.where,
            help="Save the module again with torch.jit.save and upload that very file.",
        )

    def _too_much(self, finding: str) -> NoReturn:
        raise ModelError(
            "E0141",
            f"The program in the TorchScript file is refused: {finding}",
            where=self.where,
            help="A network that torch.jit.save wrote never looks like this.",
        )


def _nests_too_deeply(text: str) -> bool:
    """Whether brackets outside of strings do. One step per bracket and quote, whatever the text is."""
    depth, quote, escaped_at = 0, "", -1
    for mark in _MARKS.finditer(text):
        character, at = mark.group(), mark.start()
        if quote:
            if character == "\\" and escaped_at != at:
                escaped_at = at + 1
            elif character == "\n" or (character == quote and escaped_at != at):
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
            if depth > _MAX_BRACKETS:
                return True
        elif character in ")]}":
            depth -= 1
    return False


def _type(name: str, node: ast.ClassDef) -> Type:
    methods: dict[str, ast.FunctionDef] = {}
    constants: dict[str, ast.expr] = {}
    fields: list[str] = []
    parameters: frozenset[str] = frozenset()
    for statement in node.body:
        match statement:
            case ast.FunctionDef():
                methods[statement.name] = statement
            case ast.AnnAssign(target=ast.Name(id=attribute), value=value):
                fields.append(attribute)
                if value is not None:
                    constants[attribute] = value
            case ast.Assign(targets=[ast.Name(id="__parameters__")], value=ast.List(elts=names)):
                parameters = frozenset(
                    n.value for n in names if isinstance(n, ast.Constant) and isinstance(n.value, str)
                )
            case _:
                pass
    base = node.bases[0].id if node.bases and isinstance(node.bases[0], ast.Name) else ""
    return Type(name, base, methods, constants, tuple(fields), parameters)
