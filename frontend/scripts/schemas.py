"""Write openapi.json and options.openapi.json, the sources of the front end's types.

The second holds the compile options, which the API takes as JSON text in a form field.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FRONTEND = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(FRONTEND.parent))

from compiler.options import CompileOptions  # noqa: E402


def api_text() -> str:
    from server import openapi

    return openapi.text()


def options_text() -> str:
    schema = CompileOptions.model_json_schema(ref_template="#/components/schemas/{model}")
    components = {**schema.pop("$defs", {}), "CompileOptions": schema}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Compile options", "version": "1"},
        "paths": {},
        "components": {"schemas": components},
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    for name, text in (("options.openapi.json", options_text), ("openapi.json", api_text)):
        (FRONTEND / name).write_text(text())
        print(f"wrote frontend/{name}")


if __name__ == "__main__":
    main()
