"""Facts about kernels that printers need."""

from __future__ import annotations

from compiler.loop.nodes import Body, Call, For, If, Store, Window


def written_buffers(body: Body) -> set[str]:
    """Names of buffers that are stored to, directly or through a window."""
    written: set[str] = set()
    windows: dict[str, str] = {}
    _collect(body, written, windows)
    for name in list(written):
        while name in windows:
            name = windows[name]
            written.add(name)
    return written


def _collect(body: Body, written: set[str], windows: dict[str, str]) -> None:
    for s in body:
        match s:
            case Store(buffer):
                written.add(buffer.name)
            case Window(buffer, base):
                windows[buffer.name] = base.name
            case Call(function, buffers):
                inner = written_buffers(function.body)
                written.update(b.name for (b, _), p in zip(buffers, function.buffers, strict=True) if p.name in inner)
            case For(body=inner_body):
                _collect(inner_body, written, windows)
            case If(_, then, otherwise):
                _collect(then, written, windows)
                _collect(otherwise, written, windows)
