"""What becomes of a picture or a sound before the model sees it: `scale=1/255,mean=0.485:0.456:0.406,resize=32x32`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array, Shape

MALFORMED = "E0432"
LARGEST = 1e9  # of a number in the text
Colour = Literal["auto", "rgb", "bgr", "gray"]
Axes = Literal["auto", "chw", "hwc"]
Fit = Literal["stretch", "crop"]
_KEYS = "scale, mean, std, resize, fit, color, layout"


@dataclass(frozen=True)
class Preprocess:
    """y = (x * scale - mean) / std, by channel where several numbers are given; x of pictures is 0 to 255, x of
    sounds -1 to 1. Pictures are resized to `resize` (height, width), by default what the model's input has."""

    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    resize: tuple[int, int] | None = None
    fit: Fit = "stretch"  # crop: keeps proportions and cuts the middle out
    color: Colour = "auto"
    layout: Axes = "auto"

    def numbers(self, x: Array, axis: int) -> Array:
        """The arithmetic; `axis` is that of the channels."""
        y = x.astype(np.float32) * np.float32(self.scale)
        for values, division in ((self.mean, False), (self.std, True)):
            if values:
                each = np.array(values, np.float32)
                if each.size not in (1, y.shape[axis]):
                    name = "std" if division else "mean"
                    raise _malformed(f"{name} has {each.size} numbers for {y.shape[axis]} channels")
                wide = each.reshape([-1 if a == axis % y.ndim else 1 for a in range(y.ndim)])
                y = y / wide if division else y - wide
        return y

    @property
    def changes_numbers(self) -> bool:
        return self.scale != 1 or bool(self.mean) or bool(self.std)

    def channel_axis(self, shape: Shape) -> int:
        """Where the channels of a picture input of this shape are; -1 or -3."""
        if self.layout != "auto":
            return -1 if self.layout == "hwc" else -3
        return -1 if shape[-1] in (1, 3) and shape[-3] not in (1, 3) else -3


def parse(text: str) -> Preprocess:
    """Raises E0432 with what is wrong."""
    found = Preprocess()
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not equals:
            raise _malformed(f"{part[:40]!r} has no value")
        match key:
            case "scale":
                found = replace(found, scale=_number(value))
            case "mean":
                found = replace(found, mean=tuple(_number(v) for v in value.split(":")))
            case "std":
                found = replace(found, std=tuple(_number(v) for v in value.split(":")))
                if 0 in found.std:
                    raise _malformed("a std of 0 divides by zero")
            case "resize":
                found = replace(found, resize=_size(value))
            case "fit":
                found = replace(found, fit=_one_of(key, value, get_args(Fit)))  # type: ignore[arg-type]
            case "color":
                found = replace(found, color=_one_of(key, value, get_args(Colour)))  # type: ignore[arg-type]
            case "layout":
                found = replace(found, layout=_one_of(key, value, get_args(Axes)))  # type: ignore[arg-type]
            case _:
                raise _malformed(f"there is no {key[:40]!r}")
    return found


def _number(text: str) -> float:
    """A number, or a fraction as 1/255."""
    above, slash, below = text.partition("/")
    try:
        value = float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise _malformed(f"{text[:40]!r} is no number") from None
    if not abs(value) <= LARGEST:
        raise _malformed(f"{text[:40]!r} is no number of a sensible size")
    return value


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and len(text) <= 11):
        raise _malformed(f"{text[:40]!r} is no size; write height x width, as 96x96")
    if not 0 < int(height) <= 8192 or not 0 < int(width) <= 8192:
        raise _malformed("the size is not from 1x1 to 8192x8192")
    return int(height), int(width)


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise _malformed(f"{key} is not {value[:40]!r} but one of {', '.join(allowed)}")
    return value


def _malformed(reason: str) -> ModelError:
    return ModelError(
        MALFORMED,
        f"the preprocessing cannot be understood: {reason}",
        where="--preprocess",
        facts={"known": _KEYS},
        help="for instance scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,resize=96x96",
    )
