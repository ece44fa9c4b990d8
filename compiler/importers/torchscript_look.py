"""A walk through a TorchScript program without PyTorch: its operators, and what its layers tell about the input.

Where a shape is not known, neither is what the program computes from it; a branch that depends on it is followed both
ways. What the first layers need (channels, features) is noted, and common sizes are tried until one fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.errors import ModelError
from compiler.importers.aten import Calls, Tensor, listed, output_names, why_not, writes
from compiler.importers.aten_shapes import RULES, SEVERAL, macs
from compiler.importers.torch_checks import Shape, Unfit
from compiler.importers.torch_dtypes import DTYPES
from compiler.importers.torch_pickle import TensorRef, shown
from compiler.importers.torchscript_builtins import UNKNOWN, ProgramError
from compiler.importers.torchscript_data import ScriptFile, dtype_of
from compiler.importers.torchscript_names import forward_names, given_shapes
from compiler.importers.torchscript_run import Follower

SCAN_STEPS = 400_000  # of the walks that look for a size that fits
SIZES = {1: (16, 32, 50, 64, 100, 128, 256, 512, 1000), 2: (28, 32, 48, 64, 96, 128, 160, 224), 3: (16, 32, 64)}


@dataclass(eq=False)
class Seen(Tensor):
    """A tensor somebody looked at. `source` is the input that it still is, but for its values."""

    size: Shape | None
    kind: str = "float32"
    source: str = ""
    flat: bool = False  # everything but the batch in one dimension
    value: float | int | bool | None = None

    @property
    def shape(self) -> Shape | None:
        return self.size

    @property
    def dtype(self) -> str:
        return self.kind

    @property
    def number(self) -> float | int | bool | None:
        return self.value


@dataclass(frozen=True)
class Told:
    """What the first layer says about an input: `(1, 3, ?, ?)`, and what kind of numbers it takes."""

    shape: tuple[int | None, ...]
    certain: bool = False  # the shape is known, not only guessed
    dtype: str = "float32"


@dataclass(frozen=True)
class SeenInput:
    name: str
    shape: Shape | None
    proposal: tuple[int | None, ...] | None = None
    reason: str = ""
    dtype: str = "float32"


@dataclass
class Found:
    """What a look at a program found."""

    where: str
    inputs: list[SeenInput] = field(default_factory=list)
    outputs: list[tuple[Shape | None, str]] = field(default_factory=list)  # shape and type
    operators: Counter[str] = field(default_factory=Counter)
    unlisted: dict[str, str] = field(default_factory=dict)
    macs: int | None = 0
    misfit: str = ""
    steps: int = 0

    @property
    def output_names(self) -> list[str]:
        return output_names(len(self.outputs))

    def refusal(self) -> ModelError:
        from compiler.importers.torch_fx import unlisted

        return unlisted(self.unlisted, self.where)

    def question(self) -> ModelError:
        """E0131, with a proposal where the layers tell one."""
        missing = [i for i in self.inputs if i.shape is None]
        facts, words = {}, []
        for i in missing:
            text = ",".join("?" if n is None else str(n) for n in i.proposal or ()) or "1,3,32,32"
            if i.proposal:
                facts[f"proposal for {shown(i.name)}"] = text
            facts[f"found for {shown(i.name)}"] = i.reason
            words.append(f"--shape {shown(i.name)}={text}")
        return ModelError(
            "E0131",
            "How large is the input? The file does not say",
            where=self.where,
            facts=facts,
            help=f"Add {' '.join(words)} (batch first), or save a traced module: torch.jit.trace notes the sizes.",
        )


def look(file: ScriptFile, shapes: Mapping[str, Shape]) -> Found:
    """Follow the program with what is known of the inputs (`--shape`), and find out the rest."""
    names = forward_names(file)
    given = given_shapes(names, shapes, file.where)
    known: dict[str, Shape] = {}
    dtypes = dict.fromkeys(names, "float32")
    if file.traced is not None and len(file.traced) == len(names):
        known = {name: shape for name, (shape, _) in zip(names, file.traced, strict=True)}
        dtypes = {name: dtype for name, (_, dtype) in zip(names, file.traced, strict=True)}
    known |= given
    found, told = _walk(file, names, known, dtypes)
    dtypes |= {name: t.dtype for name, t in told.items() if t.dtype != "float32"}
    for name in names:
        if name not in known and name in told and told[name].certain:
            known[name] = tuple(n or 1 for n in told[name].shape)
    if any(dtype != "float32" for dtype in dtypes.values()) or len(known) > len(given):
        again, _ = _walk(file, names, known, dtypes)
        found = again
    found.inputs = [_input(file, name, names, known, dtypes, told.get(name), found.steps) for name in names]
    return found


def _input(
    file: ScriptFile,
    name: str,
    names: Sequence[str],
    known: Mapping[str, Shape],
    dtypes: dict[str, str],
    told: Told | None,
    steps: int,
) -> SeenInput:
    if name in known:
        return SeenInput(name, known[name], dtype=dtypes[name])
    if told is None:
        return SeenInput(name, None, None, "no layer says how large it is", dtypes[name])
    free = [i for i, n in enumerate(told.shape) if n is None]
    if len(names) > 1 or not free or len(told.shape) - 2 != len(free) or len(free) not in SIZES:
        return SeenInput(name, None, told.shape, "the layers leave a size open", dtypes[name])
    if steps * len(SIZES[len(free)]) > SCAN_STEPS:
        return SeenInput(name, None, told.shape, "the layers leave a size open", dtypes[name])
    fitting = []
    for size in SIZES[len(free)]:
        shape = tuple(size if n is None else n for n in told.shape)
        if not _walk(file, names, {name: shape}, dtypes)[0].misfit:
            fitting.append(size)
    if not fitting:
        return SeenInput(name, None, told.shape, "none of the usual sizes fits all layers", dtypes[name])
    proposal = tuple(fitting[0] if n is None else n for n in told.shape)
    if len(fitting) == 1:
        reason = f"of the usual sizes only {fitting[0]} fits all layers"
    else:
        reason = f"sizes from {fitting[0]} to {fitting[-1]} fit all layers; give the one you trained with"
    return SeenInput(name, None, proposal, reason, dtypes[name])


def _walk(
    file: ScriptFile, names: Sequence[str], known: Mapping[str, Shape], dtypes: Mapping[str, str]
) -> tuple[Found, dict[str, Told]]:
    calls = _Looking(file)
    inputs = [Seen(known.get(name), dtypes[name], name) for name in names]
    found = calls.found
    follower = Follower(file, calls)
    calls.guessed = lambda: follower.guesses > 0
    try:
        result = follower.forward(inputs)
        found.outputs = [(v.shape, v.dtype) if isinstance(v, Tensor) else (None, "float32") for v in _leaves(result)]
    except (Unfit, ProgramError) as reason:
        found.misfit = str(reason)
    found.steps = follower.steps
    if any(shape is None for shape, _ in found.outputs):
        found.macs = None
    return found, calls.told


class _Looking(Calls):
    def __init__(self, file: ScriptFile) -> None:
        self.file = file
        self.found = Found(file.where)
        self.told: dict[str, Told] = {}
        self.path = ""
        self.guessed: Callable[[], bool] = lambda: False  # whether a branch was followed both ways

    def enter(self, path: str, cls: str) -> None:
        self.path = path

    def weight(self, ref: TensorRef) -> Tensor:
        value = None
        if ref.shape == () and ref.storage.kind in ("LongStorage", "FloatStorage", "DoubleStorage", "IntStorage"):
            value = self.file.number(ref)
        return Seen(ref.shape, dtype_of(ref, self.file.where), value=value)

    def scalar(self, value: float | int | bool) -> Tensor:
        return Seen(
            (), "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "float32", value=value
        )

    def call(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if not listed(name):
            self.found.operators[name] += 1
            self.found.unlisted[name] = why_not(name)
            return UNKNOWN
        plain = name[:-1] if writes(name) else name
        folded = _folded(plain, arguments)
        if folded is not None:
            return self.scalar(folded)
        self.found.operators[name] += 1
        try:
            return self._seen(plain, arguments, keywords)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            self.found.macs = None  # arguments that the operator does not have, or that no rule knows; PyTorch will
            return UNKNOWN

    def _seen(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        self._listen(name, arguments)
        shapes = [_shape_of(a) for a in arguments]
        result = self._result(name, arguments, shapes, {k: _shape_of(v) for k, v in keywords.items()})
        if result is None:
            self.found.macs = None
        elif self.found.macs is not None:
            self.found.macs += macs(name, shapes, result)
        return self._made(name, arguments, keywords, result)

    def _result(self, name: str, arguments: Sequence[Any], shapes: Sequence[Any], named: Mapping[str, Any]) -> Any:
        if any(_unknown(s) for s in (*shapes, *named.values())):
            return None
        if name in ("max", "min") and len(arguments) > 1 and isinstance(arguments[1], int):
            return [RULES["amax"](*shapes)] * 2
        rule = RULES.get({"max": "maximum", "min": "minimum"}.get(name, name) if len(arguments) > 1 else name)
        if rule is None:
            return None
        try:
            return rule(*shapes, **named)
        except Unfit as reason:
            raise Unfit(f"{name} in '{shown(self.path)}' {reason}" if self.path else f"{name} {reason}") from None

    def _made(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], result: Any) -> Any:
        if isinstance(result, list):
            return [Seen(shape) for shape in result]
        if result is None and (name in SEVERAL or (name in ("max", "min") and len(arguments) > 1)):
            return UNKNOWN
        first = next((a for a in arguments if isinstance(a, Seen)), None)
        kind = _dtype(name, arguments, keywords, first)
        made = Seen(result, kind)
        if first is not None and first.source and name in _KEEPING and arguments[0] is first:
            made.source, made.flat = first.source, first.flat or name == "flatten"
        return made

    def _listen(self, name: str, arguments: Sequence[Any]) -> None:
        """Note what an operator needs when it is the first that looks at an input."""
        if name == "embedding" and len(arguments) > 1 and isinstance(arguments[1], Seen) and arguments[1].source:
            self.told.setdefault(arguments[1].source, Told((1, None), dtype="int64"))
            return
        x = arguments[0] if arguments else None
        if not isinstance(x, Seen) or not x.source or x.source in self.told:
            return
        weight = arguments[1].shape if len(arguments) > 1 and isinstance(arguments[1], Seen) else None
        match name:
            case "linear" if weight and (x.flat or not self.guessed()):
                self.told[x.source] = Told((1, weight[-1]), certain=True)
            case "linear" if weight:
                self.told[x.source] = Told((1, None, weight[-1]))
            case "conv1d" | "conv2d" | "conv3d" if weight and not x.flat:
                groups = arguments[6] if len(arguments) > 6 else 1
                self.told[x.source] = Told((1, weight[1] * int(groups), *[None] * (len(weight) - 2)))
            case "lstm" | "gru" | "rnn_tanh" | "rnn_relu" if len(arguments) == 9:
                first = arguments[2][0].shape
                self.told[x.source] = Told((1, None, first[1]) if arguments[8] else (None, 1, first[1]))
            case "layer_norm" if len(arguments) > 1 and isinstance(arguments[1], list):
                self.told[x.source] = Told((1, None, *arguments[1]))
            case "_transformer_encoder_layer_fwd":
                self.told[x.source] = Told((1, None, arguments[1]))
            case _:
                pass


_KEEPING = frozenset(
    "relu relu6 sigmoid tanh dropout contiguous clone detach to pad constant_pad_nd flatten mul add sub div batch_norm "
    "clamp abs neg alias".split()
)


def _folded(name: str, arguments: Sequence[Any]) -> Any:
    """Arithmetic on numbers that are kept in tensors, as traced programs do with sizes."""
    from compiler.importers.torchscript_builtins import _PLAIN

    if not arguments or not all(
        isinstance(a, (int, float)) or (isinstance(a, Seen) and a.value is not None) for a in arguments
    ):
        return None
    if name not in ("add", "sub", "mul", "floor_divide", "div", "remainder", "neg", "eq", "ne", "lt", "gt", "le", "ge"):
        return None
    try:
        return _PLAIN[name](*(a.value if isinstance(a, Seen) else a for a in arguments))
    except (ArithmeticError, TypeError):
        return None


def _dtype(name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], first: Seen | None) -> str:
    if name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_not", "isnan", "isinf"):
        return "bool"
    if name in ("argmax", "argmin"):
        return "int64"
    wanted = keywords.get("dtype", arguments[1] if name == "to" and len(arguments) > 1 else None)
    if isinstance(wanted, int) and wanted in DTYPES:
        return DTYPES[wanted]
    if name == "embedding" and isinstance(arguments[0], Seen):
        return arguments[0].kind
    return first.kind if first is not None else "float32"


def _shape_of(value: Any) -> Any:
    if isinstance(value, Tensor):
        return UNKNOWN if value.shape is None else value.shape
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) or v is UNKNOWN for v in value):
        return [_shape_of(v) for v in value]
    return value


def _unknown(shape: Any) -> bool:
    return shape is UNKNOWN or (isinstance(shape, list) and any(map(_unknown, shape)))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _leaves(part)]
    return [] if value is None else [value]
