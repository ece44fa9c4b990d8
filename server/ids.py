"""Identifiers of rows: 26 letters and digits whose order is the order of creation.

48 bits of milliseconds and 80 random bits, written in 32 characters that cannot be mistaken for one another
(the ULID layout, in lower case). Within one process they rise strictly, so the members of a group keep their order.
"""

from __future__ import annotations

import secrets
import threading
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PATTERN = r"^[0-9a-hjkmnp-tv-z]{26}$"

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """The next identifier."""
    global _last  # noqa: PLW0603 -- the strict order needs the previous value
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        _last = fresh if fresh > _last else _last + 1
        return "".join(ALPHABET[_last >> shift & 31] for shift in range(125, -1, -5))
