"""The confined end of `torch_source.py`: `python -m compiler.importers.torch_source_child FOLDER`.

FOLDER/request.json says what to do. It leaves FOLDER/model.onnx and FOLDER/result.json; model.py may forge both, for
it runs in this very process.
"""

from __future__ import annotations

import itertools
import json
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from compiler.sandbox.confine import confine
from compiler.sandbox.limits import Limits
from compiler.sandbox.seccomp import NotHere

MAX_TRIED = 3  # inputs whose kind of number is found by trying


class Problem(Exception):
    """Something that the user can put right; `facts` say what."""

    def __init__(self, **facts: object) -> None:
        super().__init__(*facts.values())
        self.facts = {name.replace("_", " "): str(value) for name, value in facts.items()}


def main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text())
    answer: dict[str, Any] = {"ok": True}
    try:
        confine("L2", Limits(**request["limits"]), folder, alone=True, also=[Path(request["weights"])])
    except (NotHere, OSError) as error:
        answer = {"problem": {"not confined": str(error)}}
    else:
        try:
            (folder / "model.onnx").write_bytes(convert(request))
        except Problem as problem:
            answer = {"problem": problem.facts}
    (folder / "result.json").write_text(json.dumps(answer))


def convert(request: Mapping[str, Any]) -> bytes:
    """The ONNX form of the class in the user's source with the file's weights."""
    from compiler.errors import DeepMetalError
    from compiler.importers.torch_build import import_torch
    from compiler.importers.torch_export import Input, flattened, to_onnx

    torch = import_torch()
    try:
        state = weights(Path(request["weights"]), torch)
    except DeepMetalError as error:
        raise Problem(weights=error.title, **{f"weights {k}": v for k, v in error.facts.items()}) from error
    module = construct(request, torch).eval()
    fill(module, state)
    shapes = ordered(module, {name or "input": tuple(dims) for name, dims in request["shape"].items()})
    dtypes, result = tried(module, list(shapes.values()), torch)
    outputs = [f"output{i or ''}" for i in range(len(flattened(result)))]
    inputs = [Input(name, shape, dtype) for (name, shape), dtype in zip(shapes.items(), dtypes, strict=True)]
    try:
        data: bytes = to_onnx(module, inputs, outputs, "model.py").SerializeToString()
    except DeepMetalError as error:
        raise Problem(export=error.title, **error.facts) from error
    return data


def construct(request: Mapping[str, Any], torch: Any) -> Any:
    """Run the source, and make one object of the class."""
    name, arguments = request["class_name"], request["class_args"] or {}
    module = types.ModuleType("model")
    sys.modules["model"] = module
    module.__dict__["__file__"] = "model.py"
    made = _of_the_user("running it", lambda: exec(compile(request["source"], "model.py", "exec"), module.__dict__))  # noqa: S102
    del made
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        there = [k for k, v in vars(module).items() if isinstance(v, type) and issubclass(v, torch.nn.Module)]
        raise Problem(class_name=f"{name} is no torch.nn.Module in it", classes_in_it=", ".join(there) or "none")
    positional, named = (arguments, {}) if isinstance(arguments, list) else ([], arguments)
    return _of_the_user(f"{name}(...)", lambda: found(*positional, **named))


def fill(module: Any, state: Mapping[str, Any]) -> None:
    """The file's tensors in the module's places; every name must have its counterpart."""
    wanted = dict(module.state_dict())
    for prefix in ("model.", "module."):  # taken for a wrapper's by the reader, and here the class's own
        if set(wanted) == {prefix + name for name in state}:
            state = {prefix + name: tensor for name, tensor in state.items()}
    missing, unused = sorted(set(wanted) - set(state)), sorted(set(state) - set(wanted))
    if missing or unused:
        raise Problem(
            weights="the names do not fit the class",
            missing=", ".join(missing[:10]) or "none",
            unused=", ".join(unused[:10]) or "none",
        )
    for name, tensor in wanted.items():
        if tuple(tensor.shape) != tuple(state[name].shape):
            raise Problem(weights=f"{name} is {tuple(state[name].shape)}, the class has {tuple(tensor.shape)}")
    _of_the_user("load_state_dict", lambda: module.load_state_dict(state))


def ordered(module: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The inputs in the order of `forward`, when their names are its own; else as they were given."""
    import inspect

    if not shapes:
        raise Problem(shape="the shape of the input is not known; give it with --shape")
    names = [n for n in inspect.signature(module.forward).parameters if n in shapes]
    return {name: shapes[name] for name in names} if len(names) == len(shapes) else dict(shapes)


def tried(module: Any, shapes: list[tuple[int, ...]], torch: Any) -> tuple[tuple[str, ...], Any]:
    """The kind of number of each input, found by running the module: float32, or indices where that fails."""
    if len(shapes) > MAX_TRIED:
        kinds = [("float32",) * len(shapes)]
    else:
        kinds = list(itertools.product(("float32", "int64"), repeat=len(shapes)))
    first: Problem | None = None
    for chosen in kinds:
        values = [torch.zeros(s, dtype=getattr(torch, d)) for s, d in zip(shapes, chosen, strict=True)]
        try:
            with torch.no_grad():
                return chosen, _of_the_user("forward", lambda values=values: module(*values))  # type: ignore[misc]
        except Problem as problem:
            first = first or problem
    assert first is not None
    raise first


def weights(path: Path, torch: Any) -> dict[str, Any]:
    """The file's tensors by name, read without unpickling: a state dict, or those of a whole model of any class."""
    from compiler.importers.state_dict import load_state

    state = load_state(path, path.name)
    return {k: torch.from_numpy(state.store.array(ref)).reshape(ref.shape) for k, ref in state.tensors.items()}


def _of_the_user(doing: str, function: Callable[[], Any]) -> Any:
    """Code of the user's: whatever it raises is the user's to know."""
    try:
        return function()
    except Problem:
        raise
    except BaseException as error:
        reason = (str(error).splitlines() or [""])[0]
        raise Problem(in_model_py=doing, it_raised=f"{type(error).__name__}: {reason}", line=_line(error)) from error


def _line(error: BaseException) -> str:
    lines = []
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "model.py":
            lines.append(step.tb_lineno)
        step = step.tb_next
    return str(lines[-1]) if lines else "unknown"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
