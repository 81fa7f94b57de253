"""The API of a server over HTTP: ours, or a production one that knows nothing of us.

A call that the server lacks is answered by its stand-in, made of calls that every server has; what a server lacks, and
whether it is one of ours, is kept beside the token.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from ..config import credentials
from ..config.settings import Settings
from ..errors import MlopsError, NotFound, Unauthorized
from . import standins
from .address import clean_url, sibling
from .answers import Away, MissingEndpoint, error_of, is_fine, read_envelope
from .api import Api
from .login import Session
from .transport import Answer, Transport

if TYPE_CHECKING:
    from .remote_files import RemoteFiles

Json = dict[str, Any]

KNOWN_VERSION = (2, 34)
"""The newest version of the API whose answers we read; older servers are asked in their own."""

MSGPACK = "application/msgpack"

_READS = ("get", "ping", "info", "validate")
_REPEATABLE = frozenset(
    {
        # What these do twice is what they do once: they set, or they are known by (run, stream, offset).
        "tasks.edit", "tasks.update", "tasks.started", "tasks.completed", "tasks.stopped", "tasks.failed", "tasks.stop",
        "tasks.close", "tasks.publish", "tasks.archive", "tasks.archive_many", "tasks.unarchive_many", "tasks.move",
        "tasks.update_tags", "tasks.set_requirements", "tasks.add_or_update_artifacts", "tasks.add_or_update_model",
        "tasks.edit_hyper_params", "tasks.edit_configuration", "tasks.edit_runtime", "tasks.delete_hyper_params",
        "tasks.delete_configuration", "models.edit", "models.update", "models.add_or_update_metadata",
        "projects.update", "events.add_columns", "events.scalar_metrics_iter_histogram", "events.debug_images",
        "events.plots", "events.multi_task_scalar_metrics_iter_histogram", "events.scalar_metrics_iter_raw",
        "events.download_task_log", "auth.login",
    }
)  # fmt: skip


def open_remote(settings: Settings) -> Api:
    """The API of the server that these settings name; nothing is sent before the first call."""
    remote = Remote(settings)
    return Api(remote.call, files=lambda: remote.files, close=remote.close)


def is_repeatable(endpoint: str) -> bool:
    """Whether a server that got this call twice is as if it got it once."""
    return endpoint in _REPEATABLE or endpoint.partition(".")[2].startswith(_READS)


class Remote:
    """One server, as who we are there."""

    def __init__(self, settings: Settings, given: credentials.Credentials | None = None) -> None:
        assert settings.server is not None
        self.server = clean_url(settings.server)
        self.settings = settings
        self.transport = Transport(self.server, verify=settings.verify, timeout_s=float(settings["timeout"]))
        found = given or credentials.find(
            self.server, settings.paths.config, from_env=settings.is_server_trusted and not settings.is_borrowed
        )
        self.session = Session(self.server, found, settings.paths.sessions, self._exchange)
        self._stand = standins.Memory()
        # A supervisor's threads share one connection; a login must not happen twice at once.
        self._lock = threading.Lock()
        self._files: RemoteFiles | None = None
        self._method = "POST"

    def call(self, endpoint: str, body: Json) -> Json:
        """The `data` of the answer; what this server lacks is made of what it has."""
        stand_in = standins.TABLE.get(endpoint)
        if stand_in is not None and endpoint in self._lacks():
            return stand_in(self, body)
        try:
            return self.ask(endpoint, body)
        except MissingEndpoint as exc:
            if stand_in is None:
                raise self._missing(exc) from exc
        self.session.learn(lacks=sorted({*self._lacks(), endpoint}))
        return stand_in(self, body)

    def ask(self, endpoint: str, body: Json, *, lines: bytes | None = None, repeatable: bool | None = None) -> Json:
        """One call of the server itself, with one new login when the token is refused."""
        token = self._token()
        answer = self._post(endpoint, body, f"Bearer {token}", lines, repeatable)
        if answer.status == 401:
            with self._lock:
                token = self.session.renew(token)
            answer = self._post(endpoint, body, f"Bearer {token}", lines, repeatable)
        return self._read(endpoint, answer)

    @property
    def memory(self) -> standins.Memory:
        return self._stand

    @property
    def is_ours(self) -> bool:
        """Whether the server is an `mlops server`: asked once a session."""
        known = self.session.fact("build")
        if known is None:
            try:
                known = str(self.ask("server.info", {}).get("build") or "?")
            except NotFound:
                known = "?"
            self.session.learn(build=known)
        return bool(known == "mlops")

    @property
    def files(self) -> RemoteFiles:
        if self._files is None:
            from .remote_files import RemoteFiles  # noqa: PLC0415 - most commands move no file

            self._files = RemoteFiles(self)
        return self._files

    @property
    def files_url(self) -> str:
        """Where this server's files are: as told, beside it by its name or port, or at the same address."""
        told = str(self.settings["files"])
        # What the environment says of files is said of its own server; a context says it of the server beside it.
        if told and (not self.settings.is_borrowed or self.settings.origin("files").startswith("context ")):
            return clean_url(told, setting="MLOPS_FILES")
        return (None if self.is_ours else sibling(self.server, "files")) or self.server

    def token(self) -> str:
        return self._token()

    def close(self) -> None:
        self.transport.close()

    def _token(self) -> str:
        with self._lock:
            return self.session.token()

    def _lacks(self) -> list[str]:
        found = self.session.fact("lacks")
        return found if isinstance(found, list) else []

    def _exchange(self, authorization: str) -> str:
        """A token for what we are. Without a version, as every release of the API understands it."""
        answer = self._send("auth.login", {"Authorization": authorization, "Content-Type": "application/json"}, b"{}")
        try:
            data = self._read("auth.login", answer)
        except Unauthorized as exc:
            origin = self.session.credentials.origin if self.session.credentials else ""
            raise Unauthorized(
                f"{self.server} refuses the credentials (from {origin}): {exc.message}",
                hint="mlops auth login",
                subcode=exc.subcode,
            ) from exc
        token = data.get("token")
        if not isinstance(token, str) or not token:
            raise Away(f"{self.server} gave no token at the login", hint=_WRONG)
        return token

    def _post(self, endpoint: str, body: Json, who: str, lines: bytes | None, repeatable: bool | None) -> Answer:
        headers = {"Authorization": who, "Content-Type": "application/json", "Accept": "application/json"}
        raw: bytes
        if lines is not None:
            raw, headers["Content-Type"] = lines, "application/json-lines"
        elif endpoint.startswith("events.") and self.is_ours:
            from .packing import pack  # noqa: PLC0415 - columns and curves alone are worth it

            raw, headers["Content-Type"], headers["Accept"] = pack(body), MSGPACK, MSGPACK
        else:
            raw = json.dumps(body, separators=(",", ":"), default=str).encode()
        may = is_repeatable(endpoint) if repeatable is None else repeatable
        return self._send(f"v{self._version()}/{endpoint}", headers, raw, may)

    def _send(self, path: str, headers: dict[str, str], raw: bytes, repeatable: bool = True) -> Answer:
        """By POST, which every proxy hands on whole; by GET where somebody lets nothing else pass."""
        url = f"{self.server}/{path}"
        answer = self.transport.send(self._method, url, headers=headers, body=raw, repeatable=repeatable)
        if answer.status == 405 and self._method == "POST":
            self._method = "GET"
            answer = self.transport.send("GET", url, headers=headers, body=raw, repeatable=repeatable)
        return answer

    def _version(self) -> str:
        text = str(self.session.claims().get("api_version") or "")
        try:
            told = tuple(int(part) for part in text.split(".")[:2])
        except ValueError:
            told = ()
        major, minor = min(told, KNOWN_VERSION) if len(told) == 2 else (2, 9)
        return f"{major}.{minor}"

    def _read(self, endpoint: str, answer: Answer) -> Json:
        envelope = read_envelope(_decode(answer))
        if envelope is not None:
            meta, data = envelope
            if is_fine(meta):
                return data
            raise error_of(meta, where=self.server, endpoint=endpoint)
        raise self._nonsense(endpoint, answer)

    def _nonsense(self, endpoint: str, answer: Answer) -> MlopsError:
        """An answer that is none of the API: who may have given it."""
        status = answer.status
        if status in (301, 302, 303, 307, 308):
            target = answer.headers.get("Location", "elsewhere")
            return Away(f"{self.server} sends us to {target}", hint="set MLOPS_SERVER to where the API is")
        if status in (429, 502, 503, 504):
            return Away(f"{self.server} is not ready (HTTP {status})", hint="try again in a while")
        if status == 407:
            return Away("the proxy wants a login (HTTP 407)", hint="HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT")
        if status == 413:
            return Away(
                f"{self.server} takes no request so large (HTTP 413)", hint="its proxy's limit should be 16 MiB"
            )
        if status in (401, 403):
            return Unauthorized(f"{self.server} wants a login (HTTP {status})", hint="mlops auth login")
        shown = answer.body[:80].decode("utf-8", "replace").strip().partition("\n")[0]
        what = f"HTTP {status}, {answer.kind.partition(';')[0] or 'no content type'}"
        return Away(f"{self.server} does not answer {endpoint} as the API does ({what}): {shown!r}", hint=_WRONG)

    def _missing(self, error: MissingEndpoint) -> MissingEndpoint:
        version = self.session.claims().get("api_version") or "of unknown version"
        return MissingEndpoint(
            f"{error.message}: it speaks API {version}", hint="only an `mlops server` or a newer server can do this"
        )


_WRONG = "MLOPS_SERVER must name the API server (port 8008, or api.HOST), not the web pages"


def _decode(answer: Answer) -> Any:
    if answer.kind.startswith(MSGPACK):
        from .packing import unpack  # noqa: PLC0415 - as in _post

        return unpack(answer.body)
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
