"""Reading the multipart form of a submission: which model, which options."""

from __future__ import annotations

import itertools
import json
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import IO, Annotated, Any

from fastapi import File, Form, UploadFile
from pydantic import ValidationError

from compiler.errors import ModelError
from compiler.options import CompileOptions
from server.codes import (
    DISK_FULL,
    INVALID_OPTION,
    NO_SAMPLES,
    UNKNOWN_MODEL,
    UNKNOWN_TARGET,
    UNUSED_CALIBRATION,
    UNUSED_SAMPLES,
)
from server.deps import Service
from server.errors import Problem, from_compiler, from_validation, invalid
from server.jobs import FLOAT, Beside, Model, User
from server.models import StoredModel
from server.samples import sample_path

SPREAD = ("target", "emit", "precision")  # a list of these means one compilation for each
MAX_SOURCE = 256 * 1024  # as the option
MAX_SPREAD = 64  # compilations of one request: every target in every language
SHA256 = re.compile(r"[0-9a-f]{64}\Z")

ModelFile = Annotated[UploadFile | None, File(description="The model file.")]
ModelHash = Annotated[str | None, Form(description="Or the sha256 of a model that was uploaded before.")]
SourceFile = Annotated[
    UploadFile | None,
    File(description="A model.py with the class that the weights belong to; options: class_name, class_args."),
]
VectorsFile = Annotated[UploadFile | None, File(description="Input vectors (.npz) for the validation.")]
CalibrationFile = Annotated[
    UploadFile | None,
    File(description="Typical inputs for int8: .npz, .npy, or a zip of images, sounds or arrays."),
]
LabelsFile = Annotated[
    UploadFile | None,
    File(description="The right class of each sample (.npy of integers): the report tells the accuracy."),
]
SamplesFile = Annotated[
    UploadFile | None,
    File(description="The inputs that the labels belong to, like `calibration`; without it they are those."),
]
SampleName = Annotated[str | None, Form(description="Or the name of a sample from the catalogue.")]


def take_model(parts: Service, user: User, file: UploadFile | None, sha256: str | None, sample: str | None) -> Model:
    """The model of a submission, stored. Exactly one of the three ways must be used."""
    given = [name for name, value in (("model", file), ("model_sha256", sha256), ("sample", sample)) if value]
    if len(given) != 1:
        raise invalid("model", "send a file as `model`, or a `model_sha256`, or a `sample`: exactly one of them")
    if file is not None:
        return Model(display_name(file.filename), *store(parts, file.file, "model"))
    if sample is not None:
        return take_sample(parts, sample)
    assert sha256 is not None
    return find_model(parts, user, sha256)


def take_beside(
    parts: Service,
    options: Sequence[dict[str, Any]],
    vectors: UploadFile | None,
    calibration: UploadFile | None,
    labels: UploadFile | None,
    samples: UploadFile | None,
) -> Beside:
    """The files beside the model, stored. What no compilation would read is refused, never ignored."""
    unlabelled = labels is None or samples is not None
    if calibration and unlabelled and all(one["precision"] == FLOAT for one in options):
        raise invalid(
            "calibration",
            "calibration data is for int8, and every compilation of this request is in float32",
            'Add "precision": "int8" to the options, or leave the data out.',
            code=UNUSED_CALIBRATION,
        )
    if samples and not labels:
        raise invalid(
            "samples", "nothing says what these samples are", "Send their classes as `labels`.", code=UNUSED_SAMPLES
        )
    if labels and not (samples or calibration):
        raise invalid(
            "labels",
            "there are no samples that these labels belong to",
            "Send the inputs as `samples`, or as `calibration`.",
            code=NO_SAMPLES,
        )
    return Beside(
        vectors_sha256=store(parts, vectors.file, "vectors")[0] if vectors else None,
        calibration_sha256=store(parts, calibration.file, "calibration")[0] if calibration else None,
        calibration_name=display_name(calibration.filename) if calibration else None,
        labels_sha256=store(parts, labels.file, "labels")[0] if labels else None,
        samples_sha256=store(parts, samples.file, "samples")[0] if samples else None,
        samples_name=display_name(samples.filename) if samples else None,
    )


def find_model(parts: Service, user: User, sha256: str) -> Model:
    with parts.db.reading() as session:
        known = session.get(StoredModel, (user.team, sha256.lower())) if SHA256.match(sha256.lower()) else None
    if known is None:
        raise Problem(
            404, UNKNOWN_MODEL, "no model with this sha256 was uploaded", where="model_sha256",
            help="Send the file itself as `model`.",
        )  # fmt: skip
    return Model(known.name, known.sha256, known.size)


def take_sample(parts: Service, name: str) -> Model:
    path = sample_path(name)
    with path.open("rb") as file:
        return Model(path.name, *store(parts, file, "sample"))


def store(parts: Service, file: IO[bytes], where: str) -> tuple[str, int]:
    """Hash and size of a stored upload; refused when it is empty or the disk is nearly full."""
    check_space(parts)
    blob = parts.storage.put(file)
    if blob.size == 0:
        raise invalid(where, "the file is empty")
    parts.metrics.uploaded.inc(blob.size)
    return blob.sha256, blob.size


def check_space(parts: Service) -> None:
    free = parts.storage.free_bytes()
    if free is not None and free < parts.settings.min_free:
        raise Problem(
            507, DISK_FULL, "the disk of the service is nearly full", facts={"free": str(free)},
            help="Free some space on the server, or lower DEEPMETAL_MIN_FREE.",
        )  # fmt: skip


def read_source(file: UploadFile | None) -> str | None:
    """The part `source`, which is the option of that name."""
    if file is None:
        return None
    try:
        return file.file.read(MAX_SOURCE + 1).decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid("source", "the file is no UTF-8 text") from error


def read_options(
    text: str, settle: Callable[[CompileOptions], CompileOptions], source: str | None = None
) -> list[dict[str, Any]]:
    """One set of canonical options for each combination of targets, emitters and precisions; all of them are good."""
    try:
        given = json.loads(text or "{}")
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()  # no NaN, no half characters
    except (ValueError, RecursionError) as error:
        raise invalid("options", f"this is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise invalid("options", "a JSON object is expected")
    if source is not None:
        given["source"] = source
    axes = {name: _several(name, given.pop(name)) for name in SPREAD if name in given}
    count = math.prod(map(len, axes.values()))
    if count > MAX_SPREAD:
        raise invalid("options", f"{count} compilations at once; the limit is {MAX_SPREAD}")
    combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    good: list[dict[str, Any]] = []
    bad: list[tuple[dict[str, Any], Problem]] = []
    for chosen in combinations:
        try:
            settled = _canonical({**given, **chosen}, settle)
            if settled not in good:  # a target has several names
                good.append(settled)
        except Problem as problem:
            bad.append((chosen, problem))
    if bad:
        raise _all_of(bad, len(combinations))
    return good


def _several(name: str, value: Any) -> Sequence[Any]:
    values = list(dict.fromkeys(map(str, value))) if isinstance(value, list) else [value]
    if not values:
        raise invalid(f"options.{name}", "the list is empty", code=INVALID_OPTION)
    return values


def _canonical(given: dict[str, Any], settle: Callable[[CompileOptions], CompileOptions]) -> dict[str, Any]:
    try:
        options = settle(CompileOptions.model_validate(given))
    except ValidationError as error:
        raise from_validation(error.errors(), INVALID_OPTION, "options.") from error
    except ModelError as error:
        raise from_compiler(error, _as_option(error.where)) from error
    return options.model_dump(mode="json")


def _as_option(where: str) -> str:
    """`--board`, as the command line calls it, is `options.board` here."""
    return f"options.{where[2:].replace('-', '_')}" if where.startswith("--") else where


def _all_of(bad: Sequence[tuple[dict[str, Any], Problem]], count: int) -> Problem:
    """The first problem, whose facts name every value of the lists that is at fault, so that one answer is enough."""
    first = bad[0][1].body
    if count == 1:
        return bad[0][1]
    facts = dict(first.facts) if first.code == UNKNOWN_TARGET else {}
    for chosen, problem in bad:
        place = problem.body.where
        value = chosen.get(place.removeprefix("options."))
        facts[place if value is None else f"{place}={str(value)[:64]}"] = problem.body.title
    return Problem(422, first.code, first.title, where=first.where, facts=facts, help=first.help)


def display_name(filename: str | None) -> str:
    """The file's own name, fit for pages, headers and logs."""
    name = re.split(r"[\\/]", filename or "")[-1]
    clean = "".join(c for c in name if unicodedata.category(c)[0] not in "CZ" or c == " ").strip(" .")
    return clean[-200:] or "model"


def read_tags(tags: Sequence[str]) -> list[str]:
    """Tags from repeated fields or one field with commas."""
    found = [tag.strip() for field in tags for tag in field.split(",") if tag.strip()]
    if any(len(tag) > 50 for tag in found) or len(found) > 20:
        raise invalid("tags", "at most 20 tags of at most 50 characters")
    return list(dict.fromkeys(found))
