"""Logging in to a server and out of it, and who we are there: the deeds behind `mlops auth`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..config import clearml_conf, credentials
from ..config.credentials import Credentials
from ..config.keys import NONE
from ..config.settings import Settings
from ..config.sources import write_value
from ..errors import InvalidInput, MlopsError
from . import names
from .address import clean_url
from .remote import Remote

_ENV_LINE = re.compile(r"(?:CLEARML|TRAINS|MLOPS)_(?:API_)?(ACCESS|SECRET)_KEY\s*=\s*[\"']?([^\s\"']+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Standing:
    """Who we are to a server. `trouble` says why nobody knows; `expires_at` is when the session's token ends."""

    server: str
    user: str = ""
    user_id: str = ""
    role: str = ""
    company: str = ""
    credentials: str = ""
    access_key: str = ""
    expires_at: float | None = None
    api_version: str = ""
    trouble: str = ""


def login(settings: Settings, found: Credentials) -> tuple[Standing, str]:
    """Try the credentials on the server, and keep them when it takes them; who we are there, and where they lie.

    Raises Unauthorized when it refuses them: then nothing is kept.
    """
    remote = Remote(settings, found)
    try:
        remote.session.forget()
        standing = _standing(remote)
    finally:
        remote.close()
    return standing, credentials.save(remote.server, found, settings.paths.config)


def logout(settings: Settings) -> bool:
    """Forget the credentials and the session's token; whether there was anything."""
    remote = Remote(settings)
    had_token = remote.session.forget()
    return credentials.remove(remote.server, settings.paths.config) or had_token


def status(settings: Settings) -> Standing:
    """Who we are; nothing is raised for a server that does not answer or does not know us."""
    remote = Remote(settings)
    try:
        return _standing(remote)
    except MlopsError as exc:
        found = remote.session.credentials
        origin, key = (found.origin, found.key) if found else ("", "")
        return Standing(remote.server, credentials=origin, access_key=key, trouble=exc.message)
    finally:
        remote.close()


def token(settings: Settings) -> str:
    """A token that holds for a while, for scripts. Raises Unauthorized."""
    remote = Remote(settings)
    try:
        return remote.token()
    finally:
        remote.close()


def remember(settings: Settings, context: str, **values: str) -> str:
    """Write where the server is into the person's own file, as a context or for always; returns what was written to."""
    prefix = ""
    if context:
        if not _NAME.match(context) or context == NONE:
            raise InvalidInput(f"{context!r} is no name of a context", hint=f"letters, digits, - and _; not `{NONE}`")
        prefix = f"contexts.{context}."
    for name, value in values.items():
        if value:
            write_value(settings.user_file, prefix + name, value)
    if context:
        write_value(settings.user_file, "context", context)
        names.remember(settings.paths.names_cache, {"context": [context]})
    return f"context {context}" if context else str(settings.user_file)


def read_credentials(text: str) -> Credentials:
    """An access key and its secret out of what a person pasted: two lines, `export` lines, or a piece of clearml.conf.

    Raises InvalidInput when there are none.
    """
    pasted = dict(_ENV_LINE.findall(text))
    if len(pasted) == 2:
        return Credentials(pasted["ACCESS"], pasted["SECRET"], origin="what was pasted")
    parsed = clearml_conf.parse(text, {})
    for prefix in ("api.credentials.", "credentials.", ""):
        key, secret = parsed.get(prefix + "access_key"), parsed.get(prefix + "secret_key")
        if key and secret:
            return Credentials(key, secret, origin="what was pasted")
    words = text.split()
    if len(words) == 2 and "=" not in words[0]:
        return Credentials(words[0], words[1], origin="stdin")
    raise InvalidInput(
        "no access key and secret found", hint="two lines: the access key, and its secret; `mlops auth login --help`"
    )


def _standing(remote: Remote) -> Standing:
    user: dict[str, Any] = remote.call("users.get_current_user", {})["user"]
    claims = remote.session.claims()
    identity = claims.get("identity") or {}
    found = remote.session.credentials
    return Standing(
        server=remote.server,
        user=str(user.get("name") or identity.get("user_name") or ""),
        user_id=str(user.get("id") or identity.get("user") or ""),
        role=str(user.get("role") or identity.get("role") or ""),
        company=str((user.get("company") or {}).get("name") or identity.get("company_name") or ""),
        credentials=found.origin if found else "",
        access_key=found.key if found else "",
        expires_at=remote.session.expires_at,
        api_version=str(claims.get("api_version") or ""),
    )


def server_of(settings: Settings, url: str) -> str:
    """The address of the server that is meant: given, or the one of the settings. Raises InvalidInput without any."""
    if url:
        return clean_url(url, setting="the address")
    if settings.server is None:
        raise InvalidInput("which server? The embedded store needs no login", hint="mlops auth login https://HOST")
    return clean_url(settings.server)
