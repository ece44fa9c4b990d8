"""What a model will need, before it is compiled: weights and arena, by the optimiser and the planner themselves.

Both are exact for default options and this target. Code and stack come on top: they are known once the code is built.
"""

from __future__ import annotations

from compiler import targets
from compiler.errors import DeepMetalError
from compiler.graph.graph import Graph
from compiler.inspection import Estimate
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize

# Somebody waits for an inspection: a model of this size is planned in seconds.
MOST_WEIGHTS = 16 * 1024 * 1024
MOST_NODES = 400
TOO_LARGE = "the model is too large to plan it while you wait"


def estimate(graph: Graph, options: CompileOptions) -> tuple[Estimate | None, str]:
    """The estimate, or None and why there is none."""
    size = sum(array.nbytes for array in graph.constants.values())
    if size > MOST_WEIGHTS or len(graph.nodes) > MOST_NODES:
        return None, TOO_LARGE
    target = targets.target(options.target)
    try:
        program = lower(optimize(graph).graph, target.abilities, options.optimize)
    except DeepMetalError as error:
        return None, error.title
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError) as error:
        return None, f"planning failed ({type(error).__name__}); compiling will say more"
    weights = sum(array.nbytes for array in program.constants.values())
    return Estimate(target=target.name, weights=weights, arena=program.arena_bytes), ""
