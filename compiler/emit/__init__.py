"""Emitters: printers from a program to source files."""

from compiler.emit.base import Emitter, Files, get, registry

__all__ = ["Emitter", "Files", "get", "registry"]
