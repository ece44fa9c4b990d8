"""Follows a TorchScript program from its first argument to its result, statement by statement.

Nothing of the file is executed: numbers, texts and lists are computed here by a handful of functions of ours, tensors
are passed to `aten.Calls`, which makes a graph of them or only looks. What the program decides by numbers that are
known (`training`, the number of dimensions) is decided here and leaves no trace; what it decides by the values of
tensors is refused. Every loop is followed round by round, and the rounds are counted.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from compiler.errors import ModelError
from compiler.importers.aten import Calls, Tensor
from compiler.importers.torch_pickle import Global, Object, TensorRef, shown
from compiler.importers.torchscript_builtins import UNKNOWN, Builtins, ProgramError
from compiler.importers.torchscript_data import ScriptFile

MAX_STEPS = 400_000  # expressions and statements
MAX_CALLS = 60  # calls in calls
FORWARD = "forward"


@dataclass(frozen=True)
class Function:
    """A function or class of the file, as a value."""

    name: str


@dataclass(frozen=True)
class Namespace:
    """The beginning of a dotted name: `torch`, `ops.prim`, `__torch__.torch.nn`."""

    name: str


@dataclass(frozen=True)
class _Frame:
    """The names of one function as it runs."""

    names: dict[str, Any]


class GradMode:
    """`with torch.no_grad():` and its like, which change nothing here."""


GRAD_MODES = frozenset(
    f"__torch__.torch.autograd.grad_mode.{name}"
    for name in ("no_grad", "enable_grad", "set_grad_enabled", "inference_mode")
)


class _Returned(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class Follower:
    """One walk through the program of a file."""

    def __init__(self, file: ScriptFile, calls: Calls) -> None:
        self.file = file
        self.calls = calls
        self.builtins = Builtins(calls, self.refuse)
        self.steps = 0
        self.depth = 0
        self.guesses = 0  # branches that were followed both ways
        self._weights: dict[int, Tensor] = {}
        self._lists: dict[int, Any] = {}
        self._modules: list[Object] = []

    def forward(self, inputs: Sequence[Any]) -> Any:
        """The result of the root module's `forward`."""
        try:
            return self.method(self.file.root, FORWARD, inputs, {})
        except RecursionError:
            raise self.error("E0141", "it nests too deeply") from None

    # -- calls into the file ---------------------------------------------------------------------------------

    def method(self, module: Object, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        found = self.file.code.type(_dotted(module.cls)).methods.get(name)
        if found is None:
            raise self.error("E0140", f"the class {shown(module.cls.name)} has no method {shown(name)}")
        self._modules.append(module)
        self._enter()
        try:
            return self.run(found, [module, *arguments], keywords)
        finally:
            self._modules.pop()
            self._enter()

    def _enter(self) -> None:
        for module in reversed(self._modules):
            path = self.file.paths.get(id(module))
            if path is not None:
                self.calls.enter(path, module.cls.name)
                return

    def run(self, function: ast.FunctionDef, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        self.depth += 1
        if self.depth > MAX_CALLS:
            raise self.error("E0141", f"it calls itself, or functions in functions more than {MAX_CALLS} deep")
        try:
            self.block(function.body, _Frame(self._bound(function, arguments, keywords)))
        except _Returned as result:
            return result.value
        finally:
            self.depth -= 1
        return None

    def _bound(
        self, function: ast.FunctionDef, arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The function's parameters with their values."""
        names = [a.arg for a in function.args.args]
        defaults = dict(zip(names[len(names) - len(function.args.defaults) :], function.args.defaults, strict=True))
        if len(arguments) > len(names):
            raise self.error("E0140", f"{shown(function.name)} is given too many arguments")
        bound = dict(zip(names, arguments, strict=False))
        for name in names:
            if name in keywords and name not in bound:
                bound[name] = keywords[name]
            elif name not in bound and name in defaults:
                bound[name] = self.value(defaults[name], _Frame({}))
            elif name not in bound:
                raise self.error("E0140", f"{shown(function.name)} lacks the argument {shown(name)}")
        return bound

    # -- statements ------------------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt], frame: _Frame) -> None:
        for statement in body:
            self.statement(statement, frame)

    def statement(self, node: ast.stmt, frame: _Frame) -> None:
        self.step()
        match node:
            case ast.Assign(targets=[target], value=value):
                self.assign(target, self.value(value, frame), frame)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value, frame), frame)
            case ast.Expr(value=value):
                self.value(value, frame)
            case ast.Return(value=value):
                raise _Returned(None if value is None else self.value(value, frame))
            case ast.If():
                self.branch(node, frame)
            case ast.For(target=target, iter=rounds):
                values = self.value(rounds, frame)
                if values is UNKNOWN:
                    values = [UNKNOWN]
                if not isinstance(values, (list, tuple, range)):
                    raise self.decided_late("a loop")
                for each in values:
                    self.step()
                    self.assign(target, each, frame)
                    self.block(node.body, frame)
            case ast.While(test=test, body=body):
                self.loop(test, body, frame)
            case ast.With(items=items, body=body):
                if not all(isinstance(self.value(item.context_expr, frame), GradMode) for item in items):
                    raise self.unknown(node)
                self.block(body, frame)
            case ast.Pass():
                pass
            case _:
                raise self.unknown(node)

    def branch(self, node: ast.If, frame: _Frame) -> None:
        condition = self.truth(self.value(node.test, frame), "a branch")
        if condition is not UNKNOWN:
            self.block(node.body if condition else node.orelse, frame)
            return
        results = []
        for body in (node.body, node.orelse):
            taken = _Frame(dict(frame.names))
            try:
                self.block(body, taken)
            except ProgramError:
                continue  # the way that ends in an exception is not taken
            results.append(taken.names)
        if not results:
            raise ProgramError("every way ends in an exception")
        self.guesses += len(results) > 1
        for name in dict.fromkeys(name for names in results for name in names):
            values = [names[name] for names in results if name in names]
            same = all(v is values[0] or (_plain(v) and v == values[0]) for v in values)
            frame.names[name] = values[0] if same else _merged(values)

    def loop(self, test: ast.expr, body: Sequence[ast.stmt], frame: _Frame) -> None:
        while True:
            going = self.truth(self.value(test, frame), "a loop")
            if going is not UNKNOWN and not going:
                return
            self.step()
            self.block(body, frame)
            if going is UNKNOWN:
                return

    def assign(self, target: ast.expr, value: Any, frame: _Frame) -> None:
        match target:
            case ast.Name(id=name):
                frame.names[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                if value is UNKNOWN:
                    value = [UNKNOWN] * len(parts)
                if not isinstance(value, (list, tuple)) or len(value) != len(parts):
                    raise ProgramError(f"{len(parts)} values are taken from something that has not as many")
                for part, each in zip(parts, value, strict=True):
                    self.assign(part, each, frame)
            case ast.Attribute(attr=name):
                raise ModelError(
                    "E0142",
                    f"The program keeps state between calls: it sets '{shown(name)}'",
                    where=self.file.where,
                    facts=self._module_fact(),
                    help="Make the state an input and an output of the model.",
                )
            case _:
                raise self.unknown(target)

    # -- expressions -----------------------------------------------------------------------------------------

    def value(self, node: ast.expr, frame: _Frame) -> Any:
        self.step()
        match node:
            case ast.Constant(value=value) if isinstance(value, (str, int, float, bool, type(None))):
                return value
            case ast.Name(id=name):
                return self.named(name, frame)
            case ast.Attribute(value=inner, attr=name):
                return self.attribute(self.value(inner, frame), name)
            case ast.Call():
                return self.call(node, frame)
            case ast.List(elts=parts):
                return [self.value(part, frame) for part in parts]
            case ast.Tuple(elts=parts):
                return tuple(self.value(part, frame) for part in parts)
            case ast.Dict(keys=keys, values=values):
                return self._table(keys, values, frame)
            case ast.Subscript(value=inner, slice=index):
                return self.builtins.item(self.value(inner, frame), self.value(index, frame))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.builtins.plain("neg", [self.value(operand, frame)])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                condition = self.truth(self.value(test, frame), "a branch")
                return UNKNOWN if condition is UNKNOWN else self.value(body if condition else orelse, frame)
            case _:
                raise self.unknown(node)

    def _table(self, keys: Sequence[ast.expr | None], values: Sequence[ast.expr], frame: _Frame) -> dict[Any, Any]:
        made = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                raise self.error("E0140", "it has a table without keys")
            found = self.value(key, frame)
            if not isinstance(found, (str, int, float, bool)):
                raise self.error("E0140", "it has a table whose keys are neither texts nor numbers")
            made[found] = self.value(value, frame)
        return made

    def named(self, name: str, frame: _Frame) -> Any:
        if name in frame.names:
            return frame.names[name]
        if name in ("torch", "ops", "__torch__", "CONSTANTS"):
            return Namespace(name)
        if name in ("inf", "nan"):
            return float(name)
        raise self.error("E0140", f"the name {shown(name)} has no value")

    def attribute(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Object):
            return self.member(owner, name)
        if isinstance(owner, Namespace):
            if owner.name == "CONSTANTS":
                number = int(name[1:]) if name[:1] == "c" and name[1:].isdecimal() and len(name) < 9 else -1
                if not 0 <= number < len(self.file.constants):
                    raise self.error("E0140", f"the constant {shown(name)} is missing")
                return self.kept(self.file.constants[number])
            full = f"{owner.name}.{name}"
            return Function(full) if self._is_defined(full) else Namespace(full)
        if owner is UNKNOWN:
            return UNKNOWN
        raise self.error("E0140", f"it asks for the attribute {shown(name)} of something that has none")

    def _is_defined(self, full: str) -> bool:
        return full.startswith("__torch__.") and self.file.code.defines(full)

    def member(self, module: Object, name: str) -> Any:
        """An attribute of a module. Whatever the file says, modules are in evaluation mode."""
        state = module.state or {}
        if name == "training":
            return False
        if name in state:
            return self.kept(state[name])
        constant = self.file.code.type(_dotted(module.cls)).constants.get(name)
        if constant is None:
            raise self.error("E0140", f"{shown(module.cls.name)} has no attribute {shown(name)}")
        return self.value(constant, _Frame({}))

    def kept(self, value: Any) -> Any:
        """A value of the file, its tensors as weights; the same list is the same list."""
        if isinstance(value, TensorRef):
            if id(value) not in self._weights:
                self._weights[id(value)] = self.calls.weight(value)
            return self._weights[id(value)]
        if isinstance(value, (list, tuple, dict)):
            if id(value) not in self._lists:
                self._lists[id(value)] = self._kept_parts(value)
            return self._lists[id(value)]
        if isinstance(value, (Object, str, int, float, bool, type(None))):
            return value
        raise self.error("E0140", f"it has a value of a kind that is not supported: {shown(type(value).__name__)}")

    def _kept_parts(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.kept(part) for key, part in value.items()}
        parts = [self.kept(part) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts

    # -- calls -----------------------------------------------------------------------------------------------

    def call(self, node: ast.Call, frame: _Frame) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id not in frame.names:
            return self.spelled(node.func.id, node, frame)
        if isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value, frame)
            if isinstance(owner, Object):
                arguments, keywords = self._arguments(node, frame)
                return self.method(owner, node.func.attr, arguments, keywords)
            if isinstance(owner, Function) and owner.name in GRAD_MODES and node.func.attr == "__new__":
                return GradMode()
            if isinstance(owner, GradMode) and node.func.attr == "__init__":
                return None
            target = self.attribute(owner, node.func.attr)
        else:
            target = self.value(node.func, frame)
        arguments, keywords = self._arguments(node, frame)
        if target is UNKNOWN:
            return UNKNOWN
        if isinstance(target, Namespace):
            return self.builtins.call(target.name, arguments, keywords)
        if not isinstance(target, Function):
            raise self.error("E0140", "it calls something that is no function")
        if self.file.code.is_type(target.name):
            return self.record(target.name, arguments)
        return self.run(self.file.code.function(target.name), arguments, keywords)

    def _arguments(self, node: ast.Call, frame: _Frame) -> tuple[list[Any], dict[str, Any]]:
        keywords = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.unknown(node)
            keywords[keyword.arg] = self.value(keyword.value, frame)
        return [self.value(argument, frame) for argument in node.args], keywords

    def spelled(self, name: str, node: ast.Call, frame: _Frame) -> Any:
        """The words that TorchScript writes as plain calls."""
        arguments = node.args
        match name, len(arguments):
            case (("annotate" | "unchecked_cast"), 2):
                return self.value(arguments[1], frame)
            case "uninitialized", 1:
                return None
            case "isinstance", 2:
                return self.builtins.is_instance(self.value(arguments[0], frame), ast.unparse(arguments[1]))
            case "getattr", 2 if isinstance(arguments[1], ast.Constant) and isinstance(arguments[1].value, str):
                return self.attribute(self.value(arguments[0], frame), arguments[1].value)
            case (("int" | "float" | "bool" | "str"), 1):
                return self.builtins.converted(name, self.value(arguments[0], frame))
            case "range", _:
                return self.builtins.rounds([self.value(argument, frame) for argument in arguments])
            case _:
                raise self.error("E0140", f"it calls {shown(name)}, which TorchScript does not have")

    def record(self, name: str, arguments: Sequence[Any]) -> Any:
        """A named tuple is the tuple of its fields; other objects cannot be made."""
        kind = self.file.code.type(name)
        if kind.base != "NamedTuple" or len(arguments) != len(kind.fields):
            raise ModelError(
                "E0142",
                f"The program makes objects of a class of its own ({shown(kind.name.rpartition('.')[2])})",
                where=self.file.where,
                facts=self._module_fact(),
                help="Return and pass tensors, tuples and lists instead.",
            )
        return tuple(arguments)

    # -- what can go wrong -----------------------------------------------------------------------------------

    def truth(self, value: Any, what: str) -> Any:
        if isinstance(value, Tensor):
            value = value.number if value.number is not None else self.builtins.unknown_number(value)
        if value is UNKNOWN or isinstance(value, (bool, int, float)):
            return value
        raise self.decided_late(what)

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise self.error("E0141", f"following it takes more than {MAX_STEPS} steps")

    def error(self, code: str, finding: str) -> ModelError:
        helps = {
            "E0140": "Save the module again with torch.jit.save and upload that very file.",
            "E0141": "Unrolled loops and calls are limited; export loops as ONNX Loop operators.",
        }
        return ModelError(
            code,
            f"The program in the TorchScript file cannot be followed: {finding}",
            where=self.file.where,
            facts=self._module_fact(),
            help=helps[code],
        )

    def decided_late(self, what: str) -> ModelError:
        return ModelError(
            "E0142",
            f"The program decides {what} by the values of a tensor",
            where=self.file.where,
            facts=self._module_fact(),
            help="Decide by shapes or constants, or use torch.where; or export to ONNX with its If and Loop operators.",
        )

    def unknown(self, node: ast.AST) -> ModelError:
        return self.error("E0140", f"it contains {shown(type(node).__name__)}, which TorchScript does not write")

    def refuse(self, code: str, finding: str) -> NoReturn:
        raise self.error(code, finding) if code != "E0142" else self.decided_late(finding)

    def _module_fact(self) -> dict[str, str]:
        path = self.file.paths.get(id(self._modules[-1]), "") if self._modules else ""
        return {"module": shown(path)} if path else {}


def _dotted(cls: Global) -> str:
    return f"{cls.module}.{cls.name}"


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _merged(values: Sequence[Any]) -> Any:
    """What a name stands for after a branch nobody knows the way of; programs treat the odd case first."""
    first = values[0]
    if all(isinstance(value, Tensor) for value in values):
        return values[-1]
    if all(isinstance(value, tuple) and len(value) == len(first) for value in values):
        return tuple(_merged(parts) for parts in zip(*values, strict=True))
    return UNKNOWN
