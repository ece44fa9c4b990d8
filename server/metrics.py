"""Prometheus metrics: requests as they happen, the queue by asking the table when somebody scrapes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.db import Database
from server.models import EventRow, Job, WorkerRow, now

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry per app, so that two apps in a process do not count each other's requests."""

    def __init__(self, db: Database) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "deepmetal_http_requests", "Requests by route and status.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "deepmetal_http_request_seconds", "Time to the first byte of the answer.", ["method", "route"],
            registry=self.registry, buckets=SECONDS,
        )  # fmt: skip
        self.uploaded = Counter("deepmetal_upload_bytes", "Bytes of uploaded models.", registry=self.registry)
        self.cache_hits = Counter(
            "deepmetal_cache_hits", "Compilations answered at submission by an equal one.", registry=self.registry
        )
        self.streams = Gauge("deepmetal_event_streams", "Open event streams.", registry=self.registry)
        self.registry.register(_Queue(db))

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Queue(Collector):
    """Depth, age and outcomes, straight from the truth."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def describe(self) -> list[Metric]:
        return []  # or the registry would ask the database when it is made

    def collect(self) -> Iterator[Metric]:
        with self._db.reading() as session:
            states = session.execute(select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)).all()
            oldest = session.scalar(select(now() - func.min(Job.created_at)).where(Job.state == "queued"))
            losses = session.scalar(select(func.coalesce(func.sum(Job.losses), 0)))
            stages = session.execute(
                select(EventRow.stage, func.avg(EventRow.seconds), func.count())
                .where(EventRow.kind == "stage_done", EventRow.at > now() - 3600)
                .group_by(EventRow.stage)
            ).all()
            workers = session.execute(
                select(WorkerRow.sandbox, func.count(), func.sum(WorkerRow.slots), func.sum(WorkerRow.busy))
                .where(WorkerRow.seen_at > now() - 60)
                .group_by(WorkerRow.sandbox)
            ).all()
        jobs = GaugeMetricFamily("deepmetal_jobs", "Jobs in the table.", labels=["kind", "state"])
        for kind, state, count in states:
            jobs.add_metric([kind, state], count)
        yield jobs
        yield GaugeMetricFamily("deepmetal_queue_oldest_seconds", "Age of the oldest queued job.", oldest or 0.0)
        yield GaugeMetricFamily("deepmetal_worker_losses", "Attempts whose worker vanished.", losses or 0)
        stage = GaugeMetricFamily(
            "deepmetal_stage_seconds", "Mean time of a stage over the last hour.", labels=["stage"]
        )
        for name, mean, _ in stages:
            stage.add_metric([name or ""], mean or 0.0)
        yield stage
        alive = GaugeMetricFamily("deepmetal_workers", "Workers seen within a minute.", labels=["sandbox"])
        slots = GaugeMetricFamily("deepmetal_worker_slots", "Slots of those workers.", labels=["sandbox", "state"])
        for sandbox, count, total, busy in workers:
            alive.add_metric([sandbox], count)
            slots.add_metric([sandbox, "busy"], busy)
            slots.add_metric([sandbox, "idle"], total - busy)
        yield alive
        yield slots


class MeasureRequests:
    """ASGI middleware; labels are route templates, so ids do not multiply the series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in METHODS else "other"
                self.metrics.requests.labels(method, route, message["status"]).inc()
                self.metrics.seconds.labels(method, route).observe(time.perf_counter() - start)
            await send(message)

        await self.app(scope, receive, measured)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
