"""One calibration file: a picture, a sound or an array, decoded with limits and made to fit the model's input."""

from __future__ import annotations

import io
import struct
import warnings
import wave
from collections.abc import Callable

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array, Shape
from compiler.quant.preprocess import Preprocess

UNREADABLE = "E0430"
DOES_NOT_FIT = "E0431"
LARGEST_FILE = 64 << 20  # bytes
MOST_PIXELS = 64 << 20
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_FORMATS = ("PNG", "JPEG", "BMP")  # decoders that are tried; Pillow knows dozens more
SOUNDS = (".wav",)
ARRAYS = (".npy",)
ENDINGS = (*PICTURES, *SOUNDS, *ARRAYS)
_BROKEN = (OSError, ValueError, EOFError, SyntaxError, struct.error, MemoryError, OverflowError, wave.Error)


def decode(name: str, content: bytes, shape: Shape, preprocess: Preprocess) -> Array:
    """The file as float32 in the input's shape. `name` only chooses the decoder and is shown in errors."""
    ending = "." + name.rpartition(".")[2].lower()
    read = _picture if ending in PICTURES else _sound if ending in SOUNDS else _array
    return _tried(name, lambda: read(content, shape, preprocess))


def _tried(name: str, read: Callable[[], Array]) -> Array:
    try:
        return read()
    except _Unfit as error:
        raise ModelError(DOES_NOT_FIT, f"a calibration file does not fit the model: {error}", where=name) from error
    except _BROKEN as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            UNREADABLE, "a calibration file cannot be read", where=name, facts={"reason": reason},
            help="pictures are PNG, JPEG or BMP, sounds 16-bit WAV, arrays NPY",
        ) from error  # fmt: skip


class _Unfit(Exception):
    pass


def _picture(content: bytes, shape: Shape, preprocess: Preprocess) -> Array:
    from PIL import Image  # only calibration with pictures needs it

    if len(shape) < 2:
        raise _Unfit(f"a picture for an input of shape {list(shape)}")
    spatial = shape if len(shape) > 2 else (1, *shape)
    axis = preprocess.channel_axis(spatial) if len(shape) > 2 else -3
    channels = spatial[axis]
    height, width = (spatial[-3], spatial[-2]) if axis == -1 else (spatial[-2], spatial[-1])
    if channels not in (1, 3):
        raise _Unfit(f"pictures have 1 or 3 channels, the input {list(shape)} has {channels}; layout=hwc or chw?")
    if (channels == 1) != (preprocess.color == "gray") and preprocess.color != "auto":
        raise _Unfit(f"color={preprocess.color} for an input of {channels} channels")
    with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} × {image.height} pixels are too many")
        shown = image.convert("L" if channels == 1 else "RGB")
    target = preprocess.resize or (height, width)
    if target != (height, width):
        raise _Unfit(f"resize={target[0]}x{target[1]} for an input of {height}x{width}")
    if preprocess.fit == "crop":
        side = min(shown.width / width, shown.height / height)
        left, top = (shown.width - side * width) / 2, (shown.height - side * height) / 2
        box = (left, top, left + side * width, top + side * height)
        shown = shown.resize((width, height), Image.Resampling.BILINEAR, box=box)
    elif shown.size != (width, height):
        shown = shown.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(shown, np.float32).reshape(height, width, channels)
    if preprocess.color == "bgr":
        pixels = pixels[:, :, ::-1]
    y = preprocess.numbers(pixels, -1)
    return (y if axis == -1 else y.transpose(2, 0, 1)).reshape(shape)


def _sound(content: bytes, shape: Shape, preprocess: Preprocess) -> Array:
    """Samples of the first channel from the beginning, with silence at the end if there are too few."""
    needed = int(np.prod(shape))
    with wave.open(io.BytesIO(content)) as sound:
        if sound.getsampwidth() != 2 or sound.getcomptype() != "NONE":
            raise ValueError("it is not 16-bit PCM")
        raw = sound.readframes(min(needed, sound.getnframes()))
        samples = np.frombuffer(raw, "<i2").reshape(-1, sound.getnchannels())[:, 0]
    whole = np.zeros(needed, np.float32)
    whole[: samples.size] = samples[:needed] / np.float32(32768)
    return preprocess.numbers(whole.reshape(shape), -1)


def _array(content: bytes, shape: Shape, preprocess: Preprocess) -> Array:
    loaded = np.load(io.BytesIO(content), allow_pickle=False)
    if not isinstance(loaded, np.ndarray) or loaded.dtype.kind not in "fiub":
        raise ValueError("it is no NPY file with one array of numbers")
    return fitted(loaded, shape, preprocess)


def fitted(x: Array, shape: Shape, preprocess: Preprocess) -> Array:
    """An array of one sample in the input's shape, whose batch axis of 1 may be missing."""
    short = shape[1:] if shape[:1] == (1,) else shape
    if x.shape not in (shape, short):
        raise _Unfit(f"an array of shape {list(x.shape)} for an input of shape {list(shape)}")
    y = x.reshape(shape)
    return preprocess.numbers(y, preprocess.channel_axis(shape) if len(shape) > 2 else -1)
