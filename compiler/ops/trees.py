"""Classical models: decision trees, features picked from rows, thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array, TensorType
from compiler.loop.nodes import I32, Binary, Cast, Compare, Const, Expr, const, maximum, minimum, select
from compiler.ops.activations import Sigmoid
from compiler.ops.base import Op, Reader, Spelling, expect
from compiler.ops.elementwise import Elementwise
from compiler.ops.gather import Gather
from compiler.ops.numbers import rounded, wide
from compiler.ops.shaping import Reshape
from compiler.ops.softmax import Softmax

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

Aggregate = Literal["average", "sum", "min", "max"]
_TESTS = ("le", "lt", "ge", "gt", "eq", "ne")  # ONNX's numbers 0 to 5
_MEMBER = 6


@dataclass(frozen=True)
class TreeEnsemble(Op):
    """y[n, target] = the leaves that row n of x reaches, one in each tree, combined.

    Operands: x, then for each node: feature, test, threshold, what NaN gives (0 or 1), the two places to go on,
    where its members begin and end; then roots, targets and weights of leaves, members. A place below zero is leaf
    -1 - place. `depth` is the longest way from a root to a leaf.
    """

    targets: int = 1
    depth: int = 1
    how: Aggregate = "sum"
    modes: tuple[int, ...] = ()

    def infer(self, x: TensorType, *tables: TensorType) -> TensorType:
        expect(x.rank == 2 and len(tables) == 12, "E0301", f"TreeEnsemble of {x}")
        return x.with_shape((x.shape[0], self.targets))

    def reference(self, x: Array, *tables: Array) -> Array:
        features, tests, splits, missing, yes, no, begins, ends, roots, targets, weights, members = tables
        rows = wide(x)
        y = np.full((len(rows), self.targets), {"min": np.inf, "max": -np.inf}.get(self.how, 0), rows.dtype)
        for n, row in enumerate(rows):
            for root in roots:
                place = int(root)
                for _ in range(self.depth):
                    if place < 0:
                        break
                    v, mode = row[features[place]], tests[place]
                    if mode == _MEMBER:
                        true = bool((members[begins[place] : ends[place]] == v).any())
                    else:
                        true = bool(_COMPARE[_TESTS[mode]](v, splits[place]))
                    true = true or (bool(missing[place]) and bool(np.isnan(v)))
                    place = int(yes[place] if true else no[place])
                leaf = -1 - place
                y[n, targets[leaf]] = _combined(self.how, y[n, targets[leaf]], weights[leaf])
        y = y / np.asarray(max(len(roots), 1), y.dtype) if self.how == "average" else y
        return rounded(np.where(np.isinf(y), 0, y) if self.how in ("min", "max") else y, str(x.dtype))

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *tables, y = rest
        features, tests, splits, missing, yes, no, begins, ends, roots, targets, weights, members = tables
        start = {"min": np.inf, "max": -np.inf}.get(self.how, 0.0)
        with k.loop(x.shape[0], "n") as n:
            with k.loop(self.targets, "t") as t:
                k.store(y, (n, t), const(start, y.type))
            with k.loop(roots.shape[0], "r") as r:
                place = k.cell("place", roots[r])
                with k.loop(self.depth, "d"), k.when(place.value >= 0):
                    v = k.let("v", x[n, features[place.value]])
                    true = k.cell("goes", self._test(v, tests[place.value], splits[place.value]))
                    if _MEMBER in self.modes:
                        with k.loop(ends[place.value], "m", start=begins[place.value]) as m:
                            true.set(Binary("or", true.value, members[m].eq(v)))
                    lost = Compare("ne", v, v) & missing[place.value].ne(0)
                    place.set(select(true.value | lost, yes[place.value], no[place.value]))
                leaf = k.let("leaf", const(-1, I32) - place.value)
                target = k.let("t", targets[leaf])
                k.store(y, (n, target), self._join(y[n, target], weights[leaf]))
            if self.how != "sum":
                with k.loop(self.targets, "t") as t:
                    total = k.let("v", y[n, t])
                    if self.how == "average":
                        k.store(y, (n, t), total / const(float(max(roots.shape[0], 1)), y.type))
                    else:  # no tree has such a leaf
                        k.store(y, (n, t), select(total.eq(start), const(0.0, y.type), total))

    def _test(self, v: Expr, mode: Expr, split: Expr) -> Expr:
        """The comparison that the node asks for; no more than those that occur are written out."""
        used = [m for m in self.modes if m != _MEMBER]
        result: Expr | None = None
        for m in used:
            test: Expr = Compare(_TESTS[m], v, split)  # type: ignore[arg-type]
            result = test if result is None else select(mode.eq(m), test, result)
        if _MEMBER in self.modes:
            never = Cast(Const(0), Compare("eq", v, v).type)
            result = never if result is None else select(mode.eq(_MEMBER), never, result)
        assert result is not None
        return result

    def _join(self, a: Expr, b: Expr) -> Expr:
        if self.how in ("sum", "average"):
            return a + b
        return minimum(b, a) if self.how == "min" else maximum(b, a)


_COMPARE: dict[str, Any] = {
    "le": np.less_equal, "lt": np.less, "ge": np.greater_equal, "gt": np.greater, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip


def _combined(how: Aggregate, a: Any, b: Any) -> Any:
    return {"min": np.minimum, "max": np.maximum}.get(how, np.add)(a, b)


@dataclass(frozen=True)
class Trees(Spelling):
    """ONNX's attributes as tables whose every index has been checked."""

    onnx = ("ai.onnx.ml:TreeEnsemble",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, n = r.type(), len(r.attr("nodes_featureids"))

        def numbers(name: str, default: int | None = None, count: int = n) -> Array:
            given = r.attr(name, None if default is None else [default] * count)
            array = np.asarray(given).astype(np.int64).reshape(-1)
            expect(len(array) == count, "E0303", f"TreeEnsemble has {len(array)} of {name}, not {count}")
            return array

        leaves = len(r.attr("leaf_targetids"))
        weights = np.asarray(r.attr("leaf_weights")).reshape(-1)
        targets, roots = numbers("leaf_targetids", count=leaves), np.asarray(r.attr("tree_roots"), np.int64)
        features, modes = numbers("nodes_featureids"), numbers("nodes_modes")
        places = [
            _places(numbers(f"nodes_{b}nodeids"), numbers(f"nodes_{b}leafs"), n, leaves) for b in ("true", "false")
        ]
        expect(len(weights) == leaves and n > 0 and leaves > 0, "E0303", "TreeEnsemble without nodes or leaves")
        within = [(features, x.shape[-1]), (modes, 7), (roots, n), (targets, int(r.attr("n_targets", 1)))]
        legal = all(((a >= 0) & (a < limit)).all() for a, limit in within)
        expect(legal, "E0303", "TreeEnsemble refers to a feature, a node or a target that is not there")
        begins, ends, members = _members(r, modes)
        splits = np.asarray(r.attr("nodes_splits")).reshape(-1)
        expect(len(splits) == n, "E0303", f"TreeEnsemble has {len(splits)} thresholds for {n} nodes")
        how = get_args(Aggregate)[int(r.attr("aggregate_function", 1)) % 4]
        used = tuple(int(m) for m in np.unique(modes))
        op = TreeEnsemble(int(r.attr("n_targets", 1)), _depth(*places), how, used)
        kind = np.dtype(x.dtype)
        tables = (features.astype(np.int32), modes.astype(np.int32), splits.astype(kind),
                  numbers("nodes_missing_value_tracks_true", 0).astype(np.int8), *(p.astype(np.int32) for p in places),
                  begins, ends, roots.astype(np.int32), targets.astype(np.int32), weights.astype(kind),
                  members.astype(kind))  # fmt: skip
        y = r.add(op, r.inputs[0], *(r.const(t) for t in tables))
        match int(r.attr("post_transform", 0)):
            case 0:
                return y
            case 1:
                return r.add(Softmax(1), y)
            case 2:
                return r.add(Sigmoid(), y)
        raise r.unsupported(f"TreeEnsemble with post_transform {r.attr('post_transform')}", "apply it after the model")


def _places(ids: Array, leafs: Array, nodes: int, leaves: int) -> Array:
    """Where to go on: a node, or -1 - leaf."""
    ends = leafs != 0
    legal = (ids >= 0) & np.where(ends, ids < leaves, ids < nodes)
    expect(bool(legal.all()), "E0303", "TreeEnsemble goes on at a node or leaf that is not there")
    return np.where(ends, -1 - ids, ids)


def _depth(yes: Array, no: Array) -> int:
    """Nodes on the longest way through any tree; E0303 for a node that comes back to itself."""
    entries, level = np.zeros(len(yes), np.int64), np.ones(len(yes), np.int64)
    for places in (yes, no):
        np.add.at(entries, places[places >= 0], 1)
    ready = np.flatnonzero(entries == 0).tolist()
    seen = 0
    while ready:
        node = ready.pop()
        seen += 1
        for place in (int(yes[node]), int(no[node])):
            if place >= 0:
                level[place] = max(level[place], level[node] + 1)
                entries[place] -= 1
                if entries[place] == 0:
                    ready.append(place)
    expect(seen == len(yes), "E0303", "a tree of TreeEnsemble has a node that comes back to itself")
    return int(level.max())


def _members(r: Reader, modes: Array) -> tuple[Array, Array, Array]:
    """Where each node's members begin and end, and all of them; ONNX puts NaN behind each node's."""
    given = r.attr("membership_values")
    values = np.asarray([] if given is None else given, np.float64).reshape(-1)
    begins, ends = np.zeros(len(modes), np.int32), np.zeros(len(modes), np.int32)
    stops = np.flatnonzero(np.isnan(values)).tolist()
    start = 0
    for node in np.flatnonzero(modes == _MEMBER).tolist():
        stop = stops.pop(0) if stops else len(values)
        begins[node], ends[node], start = start, stop, stop + 1
    return begins, ends, values if values.size else np.zeros(1)


@dataclass(frozen=True)
class ArrayFeatureExtractor(Spelling):
    """Some columns of each row."""

    onnx = ("ai.onnx.ml:ArrayFeatureExtractor",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, indices = r.value(0), r.value(1)
        if x.type.rank == 1:
            x = r.add(Reshape((1, x.type.elements)), x)
        flat = r.add(Reshape((indices.type.elements,)), indices)
        return r.add(Gather(x.type.rank - 1), x, flat)


@dataclass(frozen=True)
class Binarizer(Elementwise):
    """1 where x > threshold, else 0"""

    threshold: float = 0.0
    dtypes = FLOATS | INTEGERS
    onnx = ("ai.onnx.ml:Binarizer",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        kind = x[0].type
        if kind.is_float:
            return select(x[0] > self.threshold, const(1, kind), const(0, kind))
        whole = int(np.clip(np.floor(self.threshold), *_limits(kind.numpy)))  # x > t is x > floor(t) for integers
        below = self.threshold < _limits(kind.numpy)[0]
        return const(1, kind) if below else select(x[0] > whole, const(1, kind), const(0, kind))

    def reference(self, x: Array) -> Array:
        y: Array = (x > self.threshold).astype(x.dtype)
        return y

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        cls.check(r)
        return r.add(cls(float(r.attr("threshold", 0.0))), *r.inputs)


def _limits(dtype: str) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
