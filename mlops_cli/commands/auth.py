"""`mlops auth`: who we are to a server. Secrets are typed, pasted or read, never given as arguments."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from ..errors import InvalidInput, Unauthorized
from .context import Context
from .define import READS, command, new_app
from .lazy import Group
from .targets import confirm

if TYPE_CHECKING:
    from ..client.access import Standing
    from ..config.credentials import Credentials
    from ..config.settings import Settings

app = new_app(cls=Group, help="Who you are to a server: log in and out, users, tokens.", no_args_is_help=True)

Url = Annotated[str, Argument(metavar="[URL]", help="The API server; else the one that the settings name.")]


@app.callback()
def auth() -> None:
    """Who you are to a server: log in and out, users, tokens."""


@command(
    app,
    "login",
    reads=READS,
    example="mlops auth login http://gpu7:8008\nmlops auth login https://api.example.org --as lab\n"
    "mlops auth login --from-clearml\nmlops auth login http://gpu7:8008 < key.txt",
)
def login(
    context: Context,
    url: Url = "",
    name: Annotated[
        str,
        Option("--as", metavar="CONTEXT", show_default=False, help="Keep it as a context of this name, and use it."),
    ] = "",
    from_clearml: Annotated[
        bool, Option("--from-clearml", help="Take server and key from an existing clearml.conf.")
    ] = False,
) -> None:
    """Log in: try an access key on a server, keep it, and use that server from now on."""
    from ..client import access
    from ..config.settings import load_settings

    values: dict[str, str]
    if from_clearml:
        values, found = _from_clearml()
    else:
        values = {"server": access.server_of(context.settings, url)}
        found = _ask(context, values["server"])
    settings = load_settings(values)
    standing, kept = access.login(settings, found)
    origin = context.settings.origin("server")
    is_kept = origin.startswith("context ") or origin == str(context.settings.user_file)
    is_known = not name and is_kept and context.settings.server == values["server"]
    where = "your settings already" if is_known else access.remember(settings, name, **values)
    if context.output.is_json:
        context.output.document({**asdict(standing), "credentials": kept})
    else:
        _show(context, standing)
    context.output.note(f"the key is in {kept}; the server in {where}")
    _warn_of_variables(context, values["server"])


@command(app, "logout", example="mlops auth logout\nmlops auth logout https://api.example.org")
def logout(context: Context, url: Url = "") -> None:
    """Forget the key and the token of a server; its experiments stay where they are."""
    from ..client import access
    from ..config.credentials import from_environment

    server = access.server_of(context.settings, url)
    had = access.logout(_at(context, server))
    context.output.note(f"logged out of {server}" if had else f"there was nothing to forget of {server}")
    left = from_environment()
    if left is not None:
        context.output.warn(f"the environment still holds credentials ({left.origin})")


@command(app, "status", reads=READS, example="mlops auth status\nmlops auth status --json")
def status(context: Context, url: Url = "") -> int:
    """Show who you are to the server."""
    from ..client import access

    if context.settings.server is None and not url:
        user = context.api.users.me
        standing = access.Standing("embedded", user=str(user.get("name") or ""), user_id=str(user.get("id") or ""))
    else:
        standing = access.status(_at(context, access.server_of(context.settings, url)))
    if context.output.is_json:
        context.output.document(asdict(standing))
    else:
        _show(context, standing)
    return Unauthorized.exit_code if standing.trouble else 0


@command(app, "token", example="mlops auth token")
def token(context: Context) -> None:
    """Print a token of the server, for scripts."""
    from ..client import access

    server = access.server_of(context.settings, "")
    context.output.write(access.token(_at(context, server)) + "\n")


@command(
    app,
    "users",
    reads=READS,
    example="mlops auth users\nmlops auth users --add ann --role viewer\nmlops auth users --rm ann",
)
def users(
    context: Context,
    add: Annotated[str, Option("--add", metavar="NAME", show_default=False, help="A new user, with a key.")] = "",
    role: Annotated[
        str, Option("--role", metavar="ROLE", show_default=False, help="admin, user (else) or viewer.")
    ] = "user",
    rm: Annotated[str, Option("--rm", metavar="NAME", show_default=False, help="Take a user away.")] = "",
    yes: Annotated[bool, Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """List the users of the server; add one, with a key that is shown once, or take one away."""
    if add:
        _add_user(context, add, role)
    elif rm:
        user = context.api.users.resolve(rm)
        confirm(context, f"Take away {rm} with all keys?", yes=yes)
        context.api.call("users.delete", {"user": user})
        context.output.note(f"took away {rm}")
    else:
        _list_users(context)


def _list_users(context: Context) -> None:
    from ..render.table import KEEP, Column

    found = context.api.call("users.get_all", {})["users"]
    columns = [Column("id", rank=KEEP), Column("name", rank=KEEP, flexible=True), Column("role")]
    rows = [[user["id"], user.get("name"), user.get("role")] for user in found]
    context.output.records(columns, rows, documents=found, ids=[user["id"] for user in found], empty="no users")


def _add_user(context: Context, name: str, role: str) -> None:
    made = context.api.call("users.create", {"name": name, "role": role})["id"]
    key = context.api.call("auth.create_credentials", {"user": made, "label": "first key"})["credentials"]
    if context.output.is_json:
        context.output.document({"id": made, "name": name, "role": role, **key})
        return
    lines = [f"export CLEARML_API_{kind.upper()}={key[kind]}" for kind in ("access_key", "secret_key")]
    context.output.lines(lines)
    context.output.note(f"{name} ({role}); the secret is shown this once: `mlops auth login` takes both lines")


def _from_clearml() -> tuple[dict[str, str], Credentials]:
    from ..client.address import clean_url
    from ..config import clearml_conf
    from ..config.credentials import Credentials

    conf = clearml_conf.load(clearml_conf.find())
    if not conf.access_key or not conf.secret_key:
        raise InvalidInput(f"{conf.path} has no key (api.credentials)", hint="`mlops auth login URL` asks for one")
    values = {"server": clean_url(conf.api), "files": conf.files, "web": conf.web}
    if conf.verify and conf.verify.lower() not in ("true", "1", "yes"):
        values["verify"] = conf.verify
    return values, Credentials(conf.access_key, conf.secret_key, origin=str(conf.path))


def _ask(context: Context, server: str) -> Credentials:
    """From the environment, a person, or stdin."""
    from ..client.access import read_credentials
    from ..config.credentials import Credentials, from_environment

    known = from_environment()
    if known is not None:
        context.output.note(f"with the key of the environment ({known.origin})")
        return known
    if not sys.stdin.isatty():
        return read_credentials(sys.stdin.read())
    if context.no_input or not sys.stderr.isatty():
        raise InvalidInput("there is nobody to ask for the key", hint="mlops auth login URL < FILE with two lines")
    import getpass

    sys.stderr.write(f"Access key for {server}: ")
    sys.stderr.flush()
    key = sys.stdin.readline().strip()
    secret = getpass.getpass("Secret key: ", stream=sys.stderr).strip()
    return Credentials(key, secret, origin="what was typed") if key and secret else read_credentials("")


def _at(context: Context, server: str) -> Settings:
    from ..config.settings import for_server

    return for_server(context.settings, server)


def _show(context: Context, standing: Standing) -> None:
    from ..render.blocks import Page
    from ..render.values import one_unit

    page = Page(width=context.output.width, color=context.output.colored)
    ends = one_unit(standing.expires_at - time.time()) if standing.expires_at else ""
    pairs: list[tuple[str, Any]] = [
        ("server", standing.server),
        ("user", " ".join(part for part in (standing.user, f"({standing.role})" if standing.role else "") if part)),
        ("key", f"{standing.access_key} from {standing.credentials}" if standing.access_key else standing.credentials),
        ("token", f"for {ends} more" if ends else ""),
        ("trouble", standing.trouble),
    ]
    page.pairs(pairs, indent=0)
    context.output.lines(page.lines)


def _warn_of_variables(context: Context, server: str) -> None:
    from ..client.address import clean_url
    from ..config.keys import KEYS

    key = KEYS["server"]
    for name in (key.env, *key.clearml):
        value = os.environ.get(name)
        if value and (value == "embedded" or clean_url(value) != server):
            context.output.warn(f"{name}={value} is set here, and wins over what was just kept")
            return
