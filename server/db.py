"""The database: SQLite in WAL mode by default, PostgreSQL by URL; one code path, synchronous.

`synchronous=FULL`: accepted means on disk. A transaction that writes begins with `BEGIN IMMEDIATE`, because a
reader that turns into a writer half-way cannot wait for the lock, only fail.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from server.settings import Settings

BUSY_SECONDS = 30
MIGRATION_LOCK = 0x6465  # any number that nobody else locks in this database
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """Hands out sessions: `reading()` never blocks a writer, `writing()` holds the write lock and commits."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.sqlalchemy_url
        self.is_sqlite = self.url.startswith("sqlite")
        if self.is_sqlite:
            self._lock_file = settings.folder("locks") / "migrate"
        self.engine = _engine(self.url, self.is_sqlite)
        self._write_engine = self.engine.execution_options(write=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that commits at the end, or rolls back when an exception passes."""
        with Session(self._write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the schema up to date; several processes may call this at once."""
        from alembic import command  # here, because a worker never needs it
        from alembic.config import Config

        with self._exclusively() as connection:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def is_current(self) -> bool:
        """Whether the schema is the one this code expects."""
        try:
            with self.engine.connect() as connection:
                return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == head_revision())
        except DatabaseError as error:
            if is_outage(error):
                raise
            return False  # there is no such table yet

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _exclusively(self) -> Iterator[Connection]:
        if self.is_sqlite:
            with self._lock_file.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with self._write_engine.begin() as connection:
                    yield connection
        else:
            with self.engine.begin() as connection:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
                yield connection


def head_revision() -> str:
    """The newest migration: its file begins with its number."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def is_outage(error: DatabaseError) -> bool:
    """Whether the database does not answer, as opposed to answering that it does not like the question."""
    return isinstance(error, OperationalError) and "no such table" not in str(error.orig)


def _engine(url: str, is_sqlite: bool) -> Engine:
    if not is_sqlite:
        return create_engine(url, pool_size=10, max_overflow=20, pool_pre_ping=True)
    engine = create_engine(url, pool_size=10, max_overflow=30, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the sqlite3 module
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
