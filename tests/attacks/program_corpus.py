"""Hostile TorchScript files, written by hand: program texts, module objects and tensors that no network has.

`CASES` maps a name to the codes that are right answers and the function that makes the file; its argument is a shell
command that would touch the canary if anything of the file were run. No torch is needed here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.attacks.assemble import Call, Member, Name, New, pickled, tensor, zipped

Make = Callable[[str], bytes]
CASES: dict[str, tuple[frozenset[str], Make]] = {}


def case(name: str, *codes: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        CASES[name] = (frozenset(codes), make)
        return make

    return register


HEAD = """class M(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  training : bool
  weight : Tensor
"""


def module(body: str, arguments: str = "x: Tensor", more: str = "") -> str:
    """The text of a class whose forward has this body; `more` are further methods and functions."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"{HEAD}  def forward(self: __torch__.M, {arguments}) -> Tensor:\n{lines}\n{more}"


def script(
    text: str | bytes,
    state: Mapping[str, Any] | None = None,
    *,
    storages: Sequence[bytes] = (bytes(36),),
    constants: Any = (),
    extra: Sequence[Member] = (),
    root: Any = None,
) -> bytes:
    """A TorchScript archive whose only module `M` has this text and this state; `weight` is 3x3 in any case."""
    values = {"training": False, "weight": tensor((3, 3))} | dict(state or {})
    made = New(Name("__torch__", "M"), values) if root is None else root
    code = text.encode() if isinstance(text, str) else text
    return zipped(
        [
            Member("m/data.pkl", pickled(made)),
            *(Member(f"m/data/{i}", data) for i, data in enumerate(storages)),
            Member("m/code/__torch__.py", code),
            Member("m/constants.pkl", pickled(constants)),
            Member("m/version", b"3\n"),
            *extra,
        ]
    )


GOOD = script(module("return torch.linear(x, self.weight, None)"))


def text_case(name: str, *codes: str, text: str) -> None:
    CASES[name] = (frozenset(codes), lambda command: script(text.replace("COMMAND", command.replace("'", ""))))


def body_case(name: str, *codes: str, body: str, more: str = "") -> None:
    text_case(name, *codes, text=module(body, more=more))


# -- texts that would run something --------------------------------------------------------------------------------

text_case("import-at-the-top", "E0140", text='import os\nos.system("COMMAND")\n')
body_case("import-inside", "E0140", body='import os\nos.system("COMMAND")\nreturn x')
body_case("import-by-name", "E0140", body='y = __import__("os").system("COMMAND")\nreturn x')
body_case("eval", "E0140", body="y = eval(\"__import__('os').system('COMMAND')\")\nreturn x")
body_case("exec", "E0140", body='exec("import os")\nreturn x')
body_case("open", "E0140", body='y = open("COMMAND", "w")\nreturn x')
body_case("getattr-class", "E0140", body='y = getattr(self, "__class__")\nreturn x')
body_case("attribute-of-text", "E0140", body='y = "".__class__.__mro__\nreturn x')
body_case("attribute-of-function", "E0140", "E0142", body="y = torch.relu.__globals__\nreturn y")
body_case("lambda", "E0140", body="y = (lambda: x)()\nreturn y")
body_case("comprehension", "E0140", body="y = [x for i in range(3)]\nreturn x")
body_case("format-of-attributes", "E0142", body='y = torch.format("{0.__class__}", x)\nreturn y')
body_case("walrus", "E0140", body="return (y := x)")
body_case("star-arguments", "E0140", body="return torch.add(*[x, x])")
body_case("decorated-global", "E0140", body="global x\nreturn x")
body_case("save", "E0143", body='y = torch.save(x, "COMMAND")\nreturn x')
body_case("from-file", "E0143", body='return torch.from_file("/etc/passwd", False, 10)')
body_case("load-library", "E0143", body='y = ops.loader.load_library("COMMAND")\nreturn x')
body_case("python-operator", "E0143", body="return ops.prim.PythonOp(x)")
body_case("extension", "E0143", body="return ops.mine.run(x)")
body_case("fork", "E0143", body="return ops.prim.fork(x)")
body_case("random", "E0143", body="return torch.rand_like(x)")
body_case("shape-of-values", "E0143", body="return torch.nonzero(x)")


@case("setstate-by-code", "E0144", "E0126")
def _setstate(command: str) -> bytes:
    """What torch.jit.load would run while it loads: here it is a method that nobody calls."""
    more = f'  def __setstate__(self: __torch__.M, state: Tensor) -> NoneType:\n    torch.save(state, "{command}")\n'
    return script(module("return x", more=more))


@case("setstate-of-a-tuple", "E0126")
def _setstate_tuple(command: str) -> bytes:
    return script(module("return x"), root=New(Name("__torch__", "M"), (1, 2)))


@case("pickle-that-calls", "E0126")
def _calls(command: str) -> bytes:
    return script(module("return x"), {"weight": Call(Name("posix", "system"), (command,))})


@case("constants-that-call", "E0126")
def _constants(command: str) -> bytes:
    return script(module("return x"), constants=(Call(Name("posix", "system"), (command,)),))


@case("traced-inputs-that-call", "E0126", "")
def _traced_inputs(command: str) -> bytes:
    """Inert wherever it stands: the call is never made; sizes are then asked for or taken from the layers."""
    call = pickled({"forward": [Call(Name("posix", "system"), (command,))]})
    return script(module("return torch.linear(x, self.weight, None)"), extra=[Member("m/traced_inputs.pkl", call)])


@case("root-is-no-module", "E0140")
def _root(command: str) -> bytes:
    return script(module("return x"), root={"weight": tensor((3, 3))})


@case("root-of-another-class", "E0140")
def _other_root(command: str) -> bytes:
    return script(module("return x"), root=New(Name("os", "system"), {}))


# -- texts that take for ever --------------------------------------------------------------------------------------

body_case("endless", "E0141", body="while True:\n  y = 1\nreturn x")
body_case("long", "E0141", body="n = 0\nfor i in range(1000000000000):\n  n = torch.add(n, 1)\nreturn x")
body_case("recursive", "E0141", body="return (self).forward(x, )")
body_case(
    "mutual", "E0141", body="return __torch__.f(x, )", more="def f(x: Tensor) -> Tensor:\n  return __torch__.f(x, )"
)
TWICE = "def f{0}(x: Tensor) -> Tensor:\n  a = __torch__.f{1}(x, )\n  return __torch__.f{1}(x, )"
FAN = "\n".join(TWICE.format(i, i + 1) for i in range(40))
body_case(
    "many-calls", "E0141", body="return __torch__.f0(x, )", more=FAN + "\ndef f40(x: Tensor) -> Tensor:\n  return x"
)
body_case("doubling-list", "E0141", body="a = [1]\nwhile True:\n  torch.extend(a, a)\nreturn x")
body_case("doubling-text", "E0141", body='a = "ab"\nwhile True:\n  a = torch.add(a, a)\nreturn x')
body_case("repeated-list", "E0141", body="a = torch.mul([0], 1000000000000)\nreturn x")
body_case("large-power", "E0141", body="a = torch.pow(10, 1000000000)\nreturn x")
body_case("large-square", "E0141", body="a = 3\nwhile True:\n  a = torch.mul(a, a)\nreturn x")
body_case("large-shift", "E0141", body="a = torch.__lshift__(1, 100000000000)\nreturn x")
body_case("many-nodes", "E0141", body="for i in range(20000):\n  x = torch.relu(x)\nreturn x")
body_case("large-tensor", "E0141", body="return torch.zeros([100000, 100000, 100000])")
body_case("large-expansion", "E0141", body="return torch.expand(torch.zeros([1]), [1000000000, 1000])")
body_case("deep-brackets", "E0141", body=f"return {'(' * 3000}x{')' * 3000}")
body_case("deep-calls", "E0141", body=f"return {'torch.relu(' * 100}x{')' * 100}")
body_case("deep-minus", "E0141", "E0140", body=f"n = {'-' * 100_000}1\nreturn x")
body_case("deep-sum", "E0141", "E0140", body=f"n = {'+'.join(['1'] * 100_000)}\nreturn x")
body_case("deep-attributes", "E0141", "E0140", body=f"n = self{'.weight' * 100_000}\nreturn x")
body_case(
    "deep-blocks", "E0141", "E0140", body="\n".join(" " * i + "if True:" for i in range(150)) + f"\n{' ' * 150}pass"
)
body_case("quotes", "E0140", "E0141", body='n = "' + '\\"' * 100_000 + "\nreturn x")
body_case("long-number", "E0140", "E0141", body=f"n = {'9' * 100_000}\nreturn x")
text_case("zero-byte", "E0140", text=module("return x") + "\0")
text_case("not-text", "E0140", text="\udc80 = 1".encode("utf-8", "surrogatepass").decode("latin-1"))
text_case("no-class", "E0140", text="x = 1\n")
text_case("no-forward", "E0140", text=HEAD)
text_case("empty", "E0140", text="")


@case("latin-text", "E0140")
def _latin(command: str) -> bytes:
    return script(b"\xff\xfe" + module("return x").encode())


# -- texts whose meaning is not that of a network ------------------------------------------------------------------

body_case(
    "branch-on-values",
    "E0142",
    body="if bool(torch.gt(torch.sum(x), 0)):\n  x = torch.relu(x)\nelse:\n  pass\nreturn x",
)
body_case("loop-on-values", "E0142", body="for i in range(int(torch.sum(x))):\n  x = torch.relu(x)\nreturn x")
body_case("sets-state", "E0142", body="self.weight = x\nreturn x")
body_case("writes-weight", "E0142", body="y = torch.add_(self.weight, 1)\nreturn torch.add(x, y)")
body_case(
    "writes-view-of-weight", "E0142", body="y = torch.relu_(torch.view(self.weight, [9]))\nreturn torch.add(x, 1)"
)
body_case("returns-nothing", "E0142", body="return None")
body_case("returns-number", "E0142", body="return 3")
body_case("raises", "E0132", body='ops.prim.RaiseException("no", "builtins.ValueError")\nreturn x')
body_case("no-such-name", "E0140", body="return y")
body_case("no-such-constant", "E0140", body="return torch.add(x, CONSTANTS.c7)")
body_case("odd-constant", "E0140", body="return torch.add(x, CONSTANTS.c99999999999999999999)")
body_case("no-such-method", "E0140", body="return (self).run(x, )")
body_case("no-such-function", "E0140", "E0143", body="return __torch__.g(x, )")
body_case("no-such-file", "E0140", "E0143", body="return __torch__.somewhere.else_.g(x, )")
body_case("wrong-shapes", "E0132", body="return torch.linear(x, torch.view(self.weight, [1, 9]), None)")
body_case("wrong-arguments", "E0132", body='return torch.conv2d(x, "a", 1)')
body_case("unpacks-too-few", "E0132", body="a, b, = [1]\nreturn x")
body_case("index-outside", "E0132", body="a = [1][5]\nreturn x")
text_case("number-argument", "E0142", text=module("return x", "x: Tensor, n: int"))
text_case("no-arguments", "E0142", text=module("return self.weight", "y: int=3"))


# -- archives that lie ---------------------------------------------------------------------------------------------


@case("storage-too-short", "E0127")
def _short(command: str) -> bytes:
    return script(module("return x"), storages=(bytes(35),))


@case("storage-missing", "E0127")
def _missing(command: str) -> bytes:
    return script(module("return x"), storages=())


@case("tensor-larger-than-storage", "E0127")
def _large(command: str) -> bytes:
    return script(module("return x"), {"weight": tensor((100_000, 100_000), stored=9)})


@case("tensor-of-stride-nothing", "E0127")
def _stride(command: str) -> bytes:
    return script(module("return x"), {"weight": tensor((100_000, 100_000), (0, 0), stored=9)})


@case("tensors-larger-together", "E0127")
def _together(command: str) -> bytes:
    many = {f"w{i}": tensor((2500 - i,), stored=2500) for i in range(500)}
    return script(module("return x"), {"weight": tensor((3, 3), stored=2500), **many}, storages=(bytes(10_000),))


def _folded(text: str, claimed: int | None = None) -> Member:
    machine = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    data = text.encode()
    packed = machine.compress(data) + machine.flush()
    size = len(data) if claimed is None else claimed
    return Member(
        "m/code/__torch__.py", data, method=8, stored=packed, size=size, local_size=size, crc=zlib.crc32(data)
    )  # fmt: skip


def _archive(member: Member) -> bytes:
    made = New(Name("__torch__", "M"), {"training": False, "weight": tensor((3, 3))})
    return zipped(
        [
            Member("m/data.pkl", pickled(made)),
            Member("m/data/0", bytes(36)),
            member,
            Member("m/constants.pkl", b"\x80\x02)."),
        ]
    )


FOLDED = _archive(_folded(module("return torch.linear(x, self.weight, None)")))


@case("bomb", "E0130")
def _bomb(command: str) -> bytes:
    return _archive(_folded("#" + "a" * (100 << 20)))


@case("bomb-that-lies", "E0130")
def _lying_bomb(command: str) -> bytes:
    return _archive(_folded("#" + "a" * (20 << 20), claimed=1000))


@case("text-too-long", "E0130")
def _long_text(command: str) -> bytes:
    return _archive(_folded("#" * (5 << 20)))


@case("folded-weights", "E0130")
def _folded_weights(command: str) -> bytes:
    machine = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = machine.compress(bytes(36)) + machine.flush()
    weights = Member("m/data/0", bytes(36), method=8, stored=packed)
    made = New(Name("__torch__", "M"), {"training": False, "weight": tensor((3, 3))})
    return zipped(
        [Member("m/data.pkl", pickled(made)), weights, Member("m/code/__torch__.py", module("return x").encode())]
    )


@case("big-endian", "E0127")
def _big_endian(command: str) -> bytes:
    return script(module("return x"), extra=[Member("m/byteorder", b"big")])


def odd_name(name: str) -> bytes:
    """A good file with a module whose attribute has an odd name."""
    body = f"inner = getattr(self, {name!r})\nreturn torch.linear(x, (inner).weight, None)"
    inner = New(Name("__torch__", "M"), {"training": False, "weight": tensor((3, 3))})
    return script(module(body), {name: inner})
