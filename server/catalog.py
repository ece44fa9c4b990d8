"""What there is to choose from, as the compiler tells it, with the limits of this service."""

from __future__ import annotations

from compiler import catalog as compiler_catalog
from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.pack import formats
from server.codes import UNKNOWN_TARGET
from server.forms import MAX_SPREAD
from server.samples import samples
from server.schemas import Catalog, Limits
from server.settings import Settings
from server.trust import allows_source


def read(settings: Settings) -> Catalog:
    """The catalogue of the API."""
    known = compiler_catalog.catalog()
    return Catalog(
        version=known.version,
        targets=known.targets,
        boards=known.boards,
        formats=known.formats,
        operators=known.operators,
        layers=known.layers,
        emitters=known.emitters,
        precisions=known.precisions,
        optimize=known.optimize,
        packs=known.packs,
        limits=Limits(
            upload_bytes=int(settings.max_upload),
            job_seconds=settings.job_seconds,
            compilations=MAX_SPREAD,
            source=allows_source(settings),
        ),
        samples=samples(),
        options=known.options,
    )


def settle(options: CompileOptions) -> CompileOptions:
    """The options with what their board brings and with the target's own name.

    What the catalogue does not know is refused here, before anything is stored.
    """
    known = {name: target.name for target in compiler_catalog.targets() for name in (target.name, *target.aliases)}
    chosen = compiler_catalog.with_board(options)
    if chosen.target not in known:
        raise ModelError(
            UNKNOWN_TARGET,
            f"unknown target {chosen.target[:64]!r}",
            where="options.target",
            facts={"targets": ", ".join(dict.fromkeys(known.values()))},
            help="GET /api/v1/catalog describes each of them.",
        )
    chosen = chosen.model_copy(update={"target": known[chosen.target]})
    if chosen.pack is not None:
        formats.check(chosen.pack, chosen)
    return chosen
