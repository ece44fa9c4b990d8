"""What both sides of the table write: the time, the event of a new state, and whose turn it is."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.models import EventRow, now


def add_state(session: Session, job_id: str, attempt: int, state: str, at: float, message: str = "") -> None:
    session.add(EventRow(job_id=job_id, attempt=attempt, kind="state", state=state, message=message, at=at))


def clock(session: Session) -> float:
    """The database's time."""
    return float(session.scalar(select(now())) or 0.0)


def take_turns(session: Session, *names: str) -> None:
    """Let transactions that would insert the same row go one after the other. In SQLite all writers do anyway."""
    if session.get_bind().dialect.name == "postgresql":
        for name in sorted(names):
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
