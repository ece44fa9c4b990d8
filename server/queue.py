"""The doorbell: a Celery message that says "look at the table", and nothing else.

The row is the truth, so a lost message costs at most one sweep. Early acknowledgement, no results, no retries, no
time limits of Celery's: the lease in the table does all of that. The worker uses the same app for its consumer.
"""

from __future__ import annotations

import logging
import threading

from celery import Celery
from kombu.exceptions import KombuError

from server.settings import Settings

log = logging.getLogger("deepmetal.queue")

WAKE = "deepmetal.wake"
POLL_SECONDS = 0.05  # the embedded broker's; its default of 1 s would be felt at every click
STALE_SECONDS = 30  # a wake-up this old has been overtaken by the sweep


def celery_app(settings: Settings) -> Celery:
    """The app for both ends of the bell."""
    app = Celery("deepmetal", set_as_current=False)
    app.conf.update(
        broker_url=settings.redis_url or "filesystem://",
        broker_transport_options=_transport(settings),
        broker_connection_retry_on_startup=True,
        task_default_queue="deepmetal",
        task_ignore_result=True,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        # With Redis the remote control's socket is what notices a lost connection; without it a busy worker stalls.
        worker_enable_remote_control=not settings.embedded,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        redis_socket_timeout=5.0,
        redis_socket_connect_timeout=5.0,
        redis_socket_keepalive=True,
        redis_backend_health_check_interval=25,
        redis_retry_on_timeout=True,
    )
    return app


def _transport(settings: Settings) -> dict[str, object]:
    if not settings.embedded:
        return {
            "socket_timeout": 5.0,
            "socket_connect_timeout": 5.0,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "retry_on_timeout": True,
        }
    messages = str(settings.folder("broker"))
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(settings.folder("broker-control")),
        "polling_interval": POLL_SECONDS,
    }


class Doorbell:
    """Rings in a thread of its own, so that a broker that hangs never delays a request. Rings in a row merge."""

    def __init__(self, settings: Settings) -> None:
        self._app = celery_app(settings)
        connection = self._app.connection_for_write()
        self._errors = (KombuError, OSError, *connection.connection_errors, *connection.channel_errors)
        self._pressed = threading.Event()
        self._closed = False
        self.failing = False
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """Wake a worker, soon. Call it after the commit."""
        self._pressed.set()

    def close(self) -> None:
        self._closed = True
        self._pressed.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while True:
            self._pressed.wait()
            self._pressed.clear()
            if self._closed:
                return
            try:
                self._app.send_task(WAKE, expires=STALE_SECONDS, ignore_result=True, retry=False)
                self.failing = False
            except self._errors as error:
                self.failing = True
                log.warning("the broker does not take a wake-up, the sweep will find the job: %s", error)
