"""`mlops server`: the embedded store, served to a team over HTTP."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from ..errors import InvalidInput, NotFound, Unreachable
from .context import Context
from .define import READS, command, new_app
from .lazy import Group

if TYPE_CHECKING:
    from ..server.backup import Taken
    from ..server.running import Running

app = new_app(cls=Group, help="The store of this machine as a server for a team.", no_args_is_help=True)

READY_S = 30.0
STOP_S = 60.0

Host = Annotated[
    str,
    Option(
        "--host", metavar="ADDRESS", show_default=False, help="Where to listen, else 127.0.0.1; 0.0.0.0 is everywhere."
    ),
]
Port = Annotated[
    int,
    Option(
        "--port", metavar="PORT", min=0, max=65535, show_default=False, help="The port, else 8008; 0 is any free one."
    ),
]


@app.callback()
def server() -> None:
    """The store of this machine as a server for a team."""


@command(
    app, "up", reads=READS, example="mlops server up\nmlops server up --host 0.0.0.0 --detach\nmlops server up --port 0"
)
def up(
    context: Context,
    host: Host = "127.0.0.1",
    port: Port = 8008,
    detach: Annotated[bool, Option("--detach", "-d", help="Go on in the background.")] = False,
    classic_ports: Annotated[
        bool, Option("--classic-ports", help="Listen on 8008, 8080 and 8081, too: the ports of a ClearML server.")
    ] = False,
    url: Annotated[
        str, Option("--url", metavar="URL", show_default=False, help="How others reach it; only for what is printed.")
    ] = "",
    certificate: Annotated[
        Path | None, Option("--tls-cert", metavar="FILE", show_default=False, help="PEM certificate: serve HTTPS.")
    ] = None,
    key: Annotated[
        Path | None, Option("--tls-key", metavar="FILE", show_default=False, help="PEM key of the certificate.")
    ] = None,
    behind_proxy: Annotated[
        bool, Option("--behind-proxy", help="Trust X-Forwarded-For, -Proto and -Host: a proxy of yours sets them.")
    ] = False,
    quota: Annotated[
        str, Option("--quota", metavar="SIZE", show_default=False, help="The most that all files may weigh: 500GB.")
    ] = "",
    access_log: Annotated[
        str, Option("--access-log", metavar="FILE", show_default=False, help="One JSON line a request; - is stderr.")
    ] = "",
    print_unit: Annotated[
        bool, Option("--print-unit", help="Print a systemd unit for these options, start nothing.")
    ] = False,
) -> None:
    """Serve the store: the API and its files, for mlops and for the clearml SDK."""
    if print_unit:
        unit = _unit()
        context.output.document({"unit": unit}) if context.output.is_json else context.output.write(unit)
        return
    if (certificate is None) != (key is None):
        raise InvalidInput(
            "a certificate needs its key, and the other way round", hint="--tls-cert FILE --tls-key FILE"
        )
    if detach:
        _detach(context)
        return
    from ..server.auth.first import first_key
    from ..server.http.app import Face
    from ..server.http.serve import Listen, Service
    from ..server.running import claimed, tell
    from ..server.store.store import open_store

    paths = context.settings.paths
    face = Face(behind_proxy, classic_ports, access_log, _size(quota))
    with claimed(paths.data):
        store = open_store(paths.store, paths.files)
        try:
            made = first_key(store)

            service = Service(store, Listen(host, port, certificate, key), face)
            base = url.rstrip("/") or _url(host, service.ports[0], is_tls=certificate is not None)

            def ready() -> None:
                near = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
                address = _url(near, service.ports[0], is_tls=certificate is not None)
                tell(paths.data, url=base, address=address, ports=service.ports)
                _introduce(context, base, made, classic=classic_ports)

            service.run(ready)
        finally:
            store.close()


@command(app, "status", reads=READS, example="mlops server status")
def status(context: Context) -> None:
    """Show whether a server of this store runs, and where."""
    running = _running(context)
    answer = _health(running)
    facts: dict[str, Any] = {
        "url": running.url,
        "pid": running.pid,
        "ports": list(running.ports),
        "uptime_s": round(time.time() - running.started_at),
        "memory_bytes": answer.get("memory_bytes"),
        "answers": bool(answer),
    }
    if context.output.is_json:
        context.output.document(facts)
        return
    from ..render import values
    from ..render.blocks import Page

    page = Page(width=context.output.width, color=context.output.colored)
    memory = facts["memory_bytes"]
    page.pairs(
        [
            ("server", running.url),
            ("pid", str(running.pid)),
            ("up for", values.one_unit(facts["uptime_s"])),
            ("memory", values.size(memory) if memory else "it does not answer"),
        ],
        indent=0,
    )
    context.output.lines(page.lines)


@command(app, "stop", example="mlops server stop")
def stop(context: Context) -> None:
    """End the server; what it has begun to answer it finishes first."""
    from ..server import running as running_server

    running = _running(context)
    running_server.stop(context.settings.paths.data, running, wait_s=STOP_S)
    context.output.note(f"stopped the server at {running.url}")


@command(app, "backup", reads=READS, example="mlops server backup /mnt/backup/mlops-monday.tar")
def backup(context: Context, file: Annotated[Path, Argument(metavar="FILE", help="Where to write it; a tar.")]) -> None:
    """Write the whole store into one file; a running server goes on."""
    from ..server.backup import back_up
    from ..server.store.store import open_store

    paths = context.settings.paths
    if not paths.store.exists():
        raise NotFound(f"there is no store yet: {paths.store}", hint="mlops run ...")
    store = open_store(paths.store, paths.files)
    try:
        _report(context, back_up(store, file.absolute()), "wrote")
    finally:
        store.close()


@command(app, "restore", reads=READS, example="mlops server restore /mnt/backup/mlops-monday.tar")
def restore(
    context: Context,
    file: Annotated[Path, Argument(metavar="FILE", help="A backup.")],
    force: Annotated[bool, Option("--force", help="Replace the store that is there; it is kept beside.")] = False,
) -> None:
    """Bring the store of a backup back."""
    from ..server import backup as backups

    paths = context.settings.paths
    _report(context, backups.restore(file.absolute(), paths.data, files=paths.files, force=force), "restored")


def _report(context: Context, taken: Taken, verb: str) -> None:
    from ..render import values

    if context.output.is_json:
        context.output.document({**taken._asdict(), "path": str(taken.path)})
    else:
        size = values.size(taken.size_bytes)
        context.output.note(f"{verb} {taken.path}: {size}, the database and {taken.files} files, of {taken.created}")


def _running(context: Context) -> Running:
    from ..server.running import find

    running = find(context.settings.paths.data)
    if running is None:
        raise NotFound("no server of this store runs", hint="mlops server up")
    return running


def _health(running: Running) -> dict[str, Any]:
    import http.client
    import json
    import ssl
    from urllib.parse import urlsplit

    parts = urlsplit(running.address)
    host, port = str(parts.hostname), running.ports[0]
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        # Ourselves, by a port that we hold: a certificate for another name proves nothing here.
        connection = http.client.HTTPSConnection(host, port, timeout=2, context=_unchecked(ssl))
    else:
        connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return found


def _unchecked(ssl: Any) -> Any:
    found = ssl.create_default_context()
    found.check_hostname = False
    found.verify_mode = ssl.CERT_NONE
    return found


def _detach(context: Context) -> None:
    """The same command without the flag, in a session of its own; back when it answers."""
    import subprocess

    from ..server.running import find

    data = context.settings.paths.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = data / "server.log"
    with log.open("ab") as stream:
        os.fchmod(stream.fileno(), 0o600)
        start = stream.tell()
        child = subprocess.Popen(
            _same_command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream, start_new_session=True
        )
    assert child.stdout is not None
    # What it prints when it is ready holds the first key: it is shown here and written nowhere.
    said = _until_ready(child, lambda: find(data))
    if said is None:
        with log.open("rb") as stream:
            stream.seek(start)
            words = stream.read()[-2000:].decode("utf-8", "replace").strip()
        why, _, hint = words.removeprefix("error: ").partition("\nhint: ")
        raise Unreachable(f"the server did not start: {why or 'it said nothing'}", hint=hint or f"its log is {log}")
    context.output.write(said)
    context.output.note(f"it goes on in the background (pid {child.pid}); its log is {log}")


def _until_ready(child: Any, find: Any) -> str | None:
    import select

    said = b""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if select.select([child.stdout], [], [], 0.05)[0]:
            part = os.read(child.stdout.fileno(), 65536)
            said += part
            if not part:
                return None
        running = find()
        if said.endswith(b"\n") and running is not None and running.pid == child.pid:
            return said.decode("utf-8", "replace")
    return None


def _same_command() -> list[str]:
    rest = [arg for arg in sys.argv[1:] if arg not in ("--detach", "-d", "--print-unit")]
    return [sys.executable, "-m", "mlops_cli", *rest]


def _unit() -> str:
    import shlex

    given = os.environ.get("MLOPS_HOME")
    # As systemd reads a line: quotes as in a shell, and its own signs doubled.
    start = shlex.join(_same_command()).replace("%", "%%").replace("$", "$$")
    home = f"Environment={shlex.quote('MLOPS_HOME=' + given).replace('%', '%%')}\n" if given else ""
    return f"""[Unit]
Description=mlops tracking server
After=network-online.target
Wants=network-online.target

[Service]
Type=simple
{home}ExecStart={start}
Restart=on-failure
RestartSec=2
TimeoutStopSec=60
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""


def _introduce(context: Context, base: str, made: tuple[str, str] | None, *, classic: bool) -> None:
    web, files = _classic_urls(base) if classic else (base, base)
    lines = {"MLOPS_SERVER": base, "CLEARML_API_HOST": base, "CLEARML_WEB_HOST": web, "CLEARML_FILES_HOST": files}
    if made is not None:
        lines["CLEARML_API_ACCESS_KEY"], lines["CLEARML_API_SECRET_KEY"] = made
    output = context.output
    if output.is_json:
        output.document({"url": base, "pid": os.getpid(), "environment": lines})
    else:
        head = [f"mlops server at {base}", ""]
        if made is not None:
            head = [*head, "The first start: this is the admin's key, shown once. Keep it.", ""]
        foot = [] if made is not None else ["# and a key: of the first start, or `mlops auth users --add NAME` here"]
        output.lines([*head, *(f"export {name}={value}" for name, value in lines.items()), *foot])
    output.stdout.flush()


def _classic_urls(base: str) -> tuple[str, str]:
    from urllib.parse import urlsplit

    parts = urlsplit(base)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:8080", f"{parts.scheme}://{host}:8081"


def _url(host: str, port: int, *, is_tls: bool) -> str:
    import socket

    name = socket.getfqdn() if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"{'https' if is_tls else 'http'}://{name}:{port}"


def _size(text: str) -> int:
    if not text:
        return 0
    from ..config.keys import Key, parse_value

    return int(parse_value(Key("--quota", "size", 0, ""), text, "command line"))
