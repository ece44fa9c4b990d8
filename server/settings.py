"""Settings of the service: environment variables `DEEPMETAL_...`, each with a default that needs no server.

The embedded default is SQLite, a folder of blobs and a broker made of files, all under `DEEPMETAL_DATA_DIR`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ByteSize, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server.mebibytes import GIB, MIB

Names = Annotated[tuple[str, ...], NoDecode]  # "a,b" in the environment


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/deepmetal`, else `~/.local/share/deepmetal`."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "deepmetal"


class Settings(BaseSettings):
    """One object for server and worker, so that both see the same table, store and broker."""

    model_config = SettingsConfigDict(env_prefix="DEEPMETAL_", frozen=True, extra="ignore")

    data_dir: Path = Field(default_factory=default_data_dir, description="Database, blobs, broker and work folders.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data folder.")
    redis_url: str = Field("", description="Redis as broker; empty: the embedded broker, files in the data folder.")
    store_url: str = Field("", description="Blob store, e.g. s3://bucket/prefix; empty: a folder in the data folder.")
    ui_dir: Path | None = Field(None, description="The built front end; empty: where `npm run build` leaves it.")
    debug: int = Field(0, ge=0, le=7, description="0 to 7; from 1 on, log lines say more.")
    log_format: Literal["auto", "text", "json"] = Field("auto", description="auto: text on a terminal, else JSON.")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0: any free one.")
    allowed_hosts: Names = Field(
        (), description="Host names by which the service may be called, besides loopback; * allows all."
    )
    allowed_origins: Names = Field((), description="Other origins whose pages may change things here.")

    max_upload: ByteSize = Field(ByteSize(512 * MIB), description="Largest request body, e.g. 512MiB.")
    min_free: ByteSize = Field(ByteSize(GIB), description="Uploads are refused when the disk has less free.")
    max_artifact: ByteSize = Field(ByteSize(256 * MIB), description="Largest zip that a job may hand back.")

    slots: int = Field(
        default_factory=lambda: max(1, min(8, os.cpu_count() or 1)),
        ge=1,
        description="Compilations at once per worker.",
    )
    lease_seconds: float = Field(20.0, gt=0, description="A worker silent for so long has lost its job.")
    sweep_seconds: float = Field(1.0, gt=0, description="How often a worker looks for work without being woken.")
    cancel_seconds: float = Field(0.5, gt=0, description="How often a worker looks whether its job is still wanted.")
    max_losses: int = Field(3, ge=1, description="So many workers may die on a job before it fails.")
    job_seconds: float = Field(600.0, gt=0, description="Wall time of one job.")
    job_memory: ByteSize = Field(ByteSize(4 * GIB), description="Address space of each process of a job.")
    job_disk: ByteSize = Field(ByteSize(4 * GIB), description="Bytes that a job may have on the disk.")
    sandbox: Literal["auto", "L1", "L2"] = Field(
        "auto",
        description="Level that confines jobs. auto: the highest that this computer gives; else that one or no worker.",
    )
    allow_source: bool | None = Field(
        None, description="Run a user's model.py, in the sandbox; empty: only while HOST is a loopback address."
    )
    allow_weak_sandbox: bool = Field(
        False, description="1: other computers may upload even while a worker's sandbox is below L2."
    )
    max_log_lines: int = Field(2000, ge=0, description="Log lines kept per job.")
    child_module: str = Field("worker.child", description="The module that a job's process runs; tests name their own.")

    @field_validator("allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def embedded(self) -> bool:
        """Whether the broker is the one made of files."""
        return not self.redis_url

    @property
    def sqlalchemy_url(self) -> str:
        if not self.database_url:
            return f"sqlite:///{self.data_dir.absolute() / 'deepmetal.db'}"
        for plain in ("postgresql://", "postgres://"):
            if self.database_url.startswith(plain):
                return "postgresql+psycopg://" + self.database_url.removeprefix(plain)
        return self.database_url

    def folder(self, name: str) -> Path:
        """A folder inside the data folder, made when missing, closed to other users."""
        path = self.data_dir.absolute() / name
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def front_end(self) -> Path | None:
        """The folder with the built `index.html`, or None."""
        package = Path(__file__).resolve().parent
        places = [self.ui_dir] if self.ui_dir else [package / "ui", package.parent / "frontend" / "dist"]
        return next((place for place in places if (place / "index.html").is_file()), None)
