"""Removing what nothing points at any more: blobs without a row, folders of attempts that are over."""

from __future__ import annotations

import logging
import shutil
import time

from sqlalchemy import exists, or_, select, union_all
from sqlalchemy.orm import Session

from server.db import Database
from server.models import Job, StoredModel
from server.settings import Settings
from server.storage import Storage

log = logging.getLogger("deepmetal.janitor")

MIN_AGE_SECONDS = 24 * 3600.0  # a blob is stored before its row is; putting it again makes it young


def tidy(db: Database, storage: Storage, settings: Settings) -> None:
    """One round; harmless at any time and in several processes at once."""
    young = time.time() - MIN_AGE_SECONDS
    removed = 0
    for sha256, stored_at in list(storage.list()):
        if stored_at < young:
            with db.reading() as session:
                wanted = is_wanted(session, sha256)
            if not wanted:
                storage.delete(sha256)
                removed += 1
    for name in ("work", "tmp"):
        for path in settings.folder(name).iterdir():
            if path.lstat().st_mtime < young:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if removed:
        log.info("removed %d blobs that nothing points at", removed)


def is_wanted(session: Session, sha256: str) -> bool:
    """Whether a model, a file that a job was given beside it or an artifact has this hash."""
    jobs = select(Job.id).where(
        or_(
            *(
                column == sha256
                for column in (
                    Job.artifact_sha256,
                    Job.model_sha256,
                    Job.vectors_sha256,
                    Job.calibration_sha256,
                    Job.labels_sha256,
                    Job.samples_sha256,
                )
            )
        )
    )
    models = select(StoredModel.sha256).where(StoredModel.sha256 == sha256)
    return bool(session.scalar(select(exists(union_all(jobs, models).subquery().select()))))
