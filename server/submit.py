"""`deepmetal submit`: what `deepmetal compile` does, done by a service."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import httpx2

from compiler.arguments import must_exist
from compiler.commands.compile import options_from
from compiler.errors import DeepMetalError, ModelError, ToolError, from_json
from compiler.progress import Display, display
from compiler.trace import Event
from server.codes import CANCELLED, NO_SERVICE
from server.models import ENDED

ATTEMPTS = 30  # to come back to a stream that broke; a restart of the service is over by then
BESIDE = ("vectors", "calibration", "labels", "samples")
OURS = (
    "model",
    "server",
    "token",
    "wait",
    "out",
    "project",
    "tag",
    "idempotency_key",
    "json",
    "command",
    "usage_error",
)


def submit(args: argparse.Namespace) -> int:
    """Upload, and with --wait follow, fetch and end with the same status as `compile`."""
    if args.wait and args.out is None:
        args.usage_error("--wait needs -o OUT")
    if args.kernel_dir is not None:
        args.usage_error("--kernel-dir works with `deepmetal compile` only: a service takes no code of yours")
    compile_args = argparse.Namespace(**{k: v for k, v in vars(args).items() if k not in OURS}, out=None)
    options = options_from(compile_args)
    must_exist(args.model, "model")
    headers = {"Authorization": f"Bearer {args.token}"} if args.token else {}
    timeout = httpx2.Timeout(30, read=120)
    with httpx2.Client(base_url=args.server.rstrip("/"), headers=headers, timeout=timeout) as client:
        try:
            made = upload(client, args, options.model_dump(mode="json"))
            if args.wait:
                return wait(client, made, args)
        except httpx2.TransportError as error:
            raise no_service(args.server, str(error) or type(error).__name__) from error
    print(f"{made['state']}: {args.server.rstrip('/')}{made['url']}", file=sys.stderr)
    if args.json:
        print(json.dumps(made, indent=1))
    return 0


def upload(client: httpx2.Client, args: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    """The new compilation."""
    headers = {"Idempotency-Key": args.idempotency_key} if args.idempotency_key else {}
    data = {"options": json.dumps(options), "project": args.project, "tags": args.tag}
    with args.model.open("rb") as model:
        files: dict[str, Any] = {"model": (args.model.name, model)}
        files |= {part: _part(path, part) for part in BESIDE if (path := getattr(args, part, None)) is not None}
        answer = client.post("/api/v1/compilations", files=files, data=data, headers=headers)
    made = dict(checked(answer).json())
    if not isinstance(made.get("url"), str):
        raise no_service(args.server, "what answers there is no DeepMetal service")
    return made


def _part(path: Path, name: str) -> tuple[str, bytes]:
    """A file beside the model, as a part of the form. A folder goes as a zip of its files."""
    must_exist(path, name)
    if not path.is_dir():
        return path.name, path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            archive.writestr(zipfile.ZipInfo(file.relative_to(path).as_posix()), file.read_bytes())
    return f"{path.resolve().name}.zip", packed.getvalue()


def wait(client: httpx2.Client, made: dict[str, Any], args: argparse.Namespace) -> int:
    """Follow to the end, fetch what there is, and raise the job's error if it has one."""
    with display() as shown:
        follow(client, made["url"], shown)
    job = checked(client.get(made["url"])).json()
    if job["state"] == "cancelled":
        raise ToolError(CANCELLED, "the compilation was cancelled", where=made["url"])
    if job["summary"] is not None:
        fetch(client, made["url"], args.out)
        if args.json:
            print(checked(client.get(f"{made['url']}/report")).text)
    if job["error"]:
        raise from_json(job["error"])
    print(f"{'cached' if job['cached'] else 'done'}: {args.out}/ and {args.out}.zip", file=sys.stderr)
    return 0


def follow(client: httpx2.Client, url: str, shown: Display) -> None:
    """Show events until the job has ended, across breaks of the connection."""
    last, failures = 0, 0
    while True:
        try:
            with client.stream("GET", f"{url}/events", headers={"Last-Event-ID": str(last)}) as answer:
                if answer.status_code == 204:
                    return
                if answer.is_error:
                    answer.read()
                checked(answer)
                for event in events(answer.iter_lines()):
                    last, failures = event["id"], 0
                    if event["kind"] != "state":
                        shown(Event(event["kind"], event["stage"], event["message"], event["seconds"]))
                    elif event["state"] in ENDED:
                        return
        except httpx2.TransportError:
            failures += 1
            if failures > ATTEMPTS:
                raise
        time.sleep(1)


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The data of Server-Sent Events; each of ours fits in one line."""
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def fetch(client: httpx2.Client, url: str, out: Path) -> None:
    """The artifact as OUT.zip and OUT/."""
    content = checked(client.get(f"{url}/artifact")).content
    out.mkdir(parents=True, exist_ok=True)
    out.with_name(out.name + ".zip").write_bytes(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            path = PurePosixPath(info.filename)
            if info.is_dir() or path.is_absolute() or ".." in path.parts:
                continue
            target = out.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(info))


def checked(answer: httpx2.Response) -> httpx2.Response:
    """The answer, or its problem as the error that the command line would show."""
    if not answer.is_error:
        return answer
    try:
        problem = answer.json()
        code, title = str(problem["code"]), str(problem["title"])
    except (ValueError, KeyError, TypeError):
        raise no_service(str(answer.url), f"status {answer.status_code}") from None
    kind: type[DeepMetalError] = ToolError if answer.status_code >= 500 else ModelError
    facts = {str(k): str(v) for k, v in problem.get("facts", {}).items()}
    raise kind(code, title, where=str(problem.get("where", "")), facts=facts, help=str(problem.get("help", "")))


def no_service(server: str, reason: str) -> ToolError:
    return ToolError(
        NO_SERVICE,
        "the service does not answer",
        where=server,
        facts={"reason": reason},
        help="Check --server; `deepmetal serve` starts a service on this computer.",
    )
