"""`python -m server.openapi` prints the API's description, from which the front end generates its types."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from server.main import create_app
from server.settings import Settings


def text() -> str:
    """OpenAPI as text."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)))
        schema = app.openapi()
        app.state.service.db.close()
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
