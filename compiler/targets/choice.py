"""What `--board` means for the other options."""

from __future__ import annotations

from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.targets import target
from compiler.targets.boards import board

CONTRADICTION = "E1021"
NO_TARGET = "E1022"


def with_board(options: CompileOptions) -> CompileOptions:
    """The options with the target that `board` brings. Doing it twice changes nothing.

    Raises ModelError for an unknown board, and for a target that was given and is another one.
    """
    if options.board is None:
        return options
    chosen = board(options.board)
    if chosen.target is None:
        raise ModelError(
            NO_TARGET,
            f"nothing is compiled for the {chosen.core} of {chosen.title}",
            where="--board",
            help="`deepmetal boards` shows the target of each board",
        )
    if "target" in options.model_fields_set:
        given = target(options.target).name
        if given != chosen.target:
            raise ModelError(
                CONTRADICTION,
                f"{chosen.title} does not run code for {given}",
                where="--target",
                facts={"board": f"{chosen.name}, {chosen.core}", "its target": chosen.target},
                help="leave --target out: the board chooses it",
            )
    return options.model_copy(update={"target": chosen.target})
