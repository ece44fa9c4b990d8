"""What an error code means: the catalogue that `deepmetal explain` prints."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from compiler.explain import entries
from server.errors import not_found

router = APIRouter(tags=["catalog"])


class Explanation(BaseModel):
    code: str
    title: str
    text: str = Field(description="Markdown: what it means, the usual cause, what to do.")


@router.get("/errors/{code}")
def get_explanation(code: Annotated[str, Path(max_length=40)]) -> Explanation:
    """The meaning of an error code."""
    for entry in entries():
        if entry.code == code.upper():
            return Explanation(code=entry.code, title=entry.title, text=entry.body)
    raise not_found("error code", code)
