"""Accuracy on labelled samples, computed by the kernels of the artifact on this computer: integers are exact there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.graph.types import Array
from compiler.quant.calibration_data import LABELS, Samples
from compiler.quant.fixed_point import Rounding
from compiler.quant.host import Host
from compiler.report import Accuracy

MOST_CLASSES = 100  # of a confusion matrix that people can look at


@dataclass(frozen=True)
class Answers:
    """The class that a model gives to each sample."""

    classes: int
    predicted: Array

    def accuracy(self, labels: Array) -> float:
        return float((self.predicted == labels).mean())

    def confusion(self, labels: Array) -> list[list[int]] | None:
        if self.classes > MOST_CLASSES:
            return None
        matrix = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(matrix, (labels, self.predicted), 1)
        return [[int(n) for n in row] for row in matrix]


def answers(graph: Graph, samples: Samples, labels: Array, rounding: Rounding = "single") -> Answers:
    """The index of the largest element of the first output. Raises E0433 for labels that are no class of it."""
    classes = graph.outputs[0].type.elements if graph.outputs else 0
    if classes < 2:
        raise ModelError(LABELS, "accuracy is for classifiers: the model's first output has fewer than two elements")
    if int(labels.max(initial=0)) >= classes:
        raise ModelError(
            LABELS, f"a label is {int(labels.max())}, but the model has the classes 0 to {classes - 1}",
            help="labels are indexes of the model's output",
        )  # fmt: skip
    host = Host(graph, graph.outputs[:1], rounding)
    name = graph.outputs[0].name
    predicted = [int(np.argmax(host.run(samples.one(i))[name])) for i in range(len(samples))]
    return Answers(classes, np.array(predicted, np.int64))


def compared(labels: Array, exact: Answers | None, rough: Answers | None) -> Accuracy:
    """Both models side by side."""
    last = rough or exact
    return Accuracy(
        samples=len(labels),
        float32=exact.accuracy(labels) if exact else None,
        quantized=rough.accuracy(labels) if rough else None,
        agreement=float((exact.predicted == rough.predicted).mean()) if exact and rough else None,
        confusion=last.confusion(labels) if last else None,
        confusion_float32=exact.confusion(labels) if exact and rough else None,
    )
