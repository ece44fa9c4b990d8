"""Make docs/report.png, the picture in the README, from a sample compiled by the real service.

Needs what `make test` installs (Chromium, the front end's packages) and `.venv`; run it with `.venv/bin/python`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support import needs  # noqa: E402 - the tests know where browser and Node are
from tests.support.servers import free_port  # noqa: E402

PICTURE = ROOT / "docs" / "report.png"
LARGEST = 200_000  # bytes; everyone who clones gets it
SECONDS = 180.0

BROWSER = """
import { chromium } from "playwright-core"
const [url, file, executablePath] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
const viewport = { width: 1200, height: 900 }
const page = await browser.newPage({ viewport, colorScheme: "light", reducedMotion: "reduce" })
await page.goto(url, { waitUntil: "load" })
await page.getByRole("table").first().waitFor({ timeout: 30000 })
await page.screenshot({ path: file })
await browser.close()
"""


def compiled_sample(base: str) -> str:
    """The page of a finished compilation of the first sample."""
    with httpx2.Client(base_url=base, timeout=30) as client:
        wait(lambda: reachable(client), "the service does not answer")
        sample = client.get("/api/v1/catalog").json()["samples"][0]["name"]
        job = client.post("/api/v1/compilations", data={"sample": sample}).raise_for_status().json()
        wait(lambda: state(client, job["id"]) in ("succeeded", "failed", "cancelled"), "the compilation does not end")
        if state(client, job["id"]) != "succeeded":
            raise SystemExit(json.dumps(client.get(f"/api/v1/compilations/{job['id']}").json(), indent=1))
        return f"{base}/jobs/{job['id']}"


def reachable(client: httpx2.Client) -> bool:
    try:
        return client.get("/api/v1/health/ready").is_success
    except httpx2.TransportError:
        return False


def state(client: httpx2.Client, job: str) -> str:
    return str(client.get(f"/api/v1/compilations/{job}").json()["state"])


def wait(ready, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(what)
        time.sleep(0.2)


def main() -> None:
    port = free_port()
    PICTURE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        command = [ROOT / ".venv/bin/deepmetal", "serve", "--port", str(port)]
        server = subprocess.Popen(command, env={**os.environ, "DEEPMETAL_DATA_DIR": data}, stdout=subprocess.DEVNULL)
        try:
            url = compiled_sample(f"http://127.0.0.1:{port}")
            program = ROOT / "frontend" / "screenshot.tmp.mjs"  # beside node_modules, where Node looks for packages
            program.write_text(BROWSER)
            try:
                browser = [str(needs.node()), str(program), url, str(PICTURE), str(needs.chromium())]
                subprocess.run(browser, check=True, timeout=SECONDS)
            finally:
                program.unlink()
        finally:
            server.terminate()
            server.wait(timeout=60)
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"larger than {LARGEST} bytes")


if __name__ == "__main__":
    main()
