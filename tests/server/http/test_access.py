"""Who may call what: every endpoint of the table, with every kind of missing right; and keys, tokens, users."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from mlops_cli.server.auth import roles, tokens
from mlops_cli.server.auth.throttle import FAILURES
from mlops_cli.server.dispatch import ENDPOINTS
from mlops_cli.server.http.app import Face
from mlops_cli.server.store import credentials
from mlops_cli.testing.server import Served, temporary_server
from mlops_cli.testing.store import temporary_store

from .conftest import connected

Json = dict[str, Any]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the whole table: nothing here may change it."""
    with temporary_server(tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture(scope="module")
def headers(shared: Served) -> dict[str, dict[str, str]]:
    """What a request brings along, by the name of what is wrong with it (or of the role)."""
    store = shared.store
    from mlops_cli.server.dispatch import dispatch

    def bearer(caller: Any, seconds: int = 1000) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens.issue(store, caller, seconds)}"}

    def member(role: str) -> Any:
        user = dispatch(store, "users.create", {"name": f"a {role}", "role": role})["id"]
        key = dispatch(store, "auth.create_credentials", {"user": user})["credentials"]["access_key"]
        return store.owner._replace(user=user, user_name=f"a {role}", role=role, key=key)

    gone = member("user")._replace()
    found = {role: bearer(member(role)) for role in ("viewer", "admin")}
    fired = dispatch(store, "users.create", {"name": "fired", "role": "admin"})["id"]
    found["of a deleted user"] = bearer(store.owner._replace(user=fired))
    dispatch(store, "users.delete", {"user": fired})
    found["revoked"] = bearer(gone)
    dispatch(store, "auth.revoke_credentials", {"access_key": gone.key})
    claims = jwt.decode(tokens.issue(store, store.owner), options={"verify_signature": False})
    key = tokens.signing_key(store)
    found["expired"] = {"Authorization": f"Bearer {jwt.encode({**claims, 'exp': int(time.time()) - 1}, key)}"}
    found["signed by another"] = {"Authorization": f"Bearer {jwt.encode(claims, 'k' * 40)}"}
    found["unsigned"] = {"Authorization": f"Bearer {jwt.encode(claims, None, algorithm='none')}"}
    found["without claims"] = {"Authorization": f"Bearer {jwt.encode({'exp': claims['exp']}, key)}"}
    found["malformed"] = {"Authorization": "Bearer nonsense"}
    found["of another kind"] = {"Authorization": "Digest username=x"}
    found["missing"] = {}
    found["a bad cookie"] = {"Cookie": "clearml_token_basic=nonsense"}
    return found


STRANGERS = ["missing", "malformed", "expired", "revoked", "of a deleted user", "signed by another", "unsigned",
             "without claims", "of another kind", "a bad cookie"]  # fmt: skip


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_every_endpoint_is_closed_to_strangers_and_to_lesser_roles(
    shared: Served, headers: dict[str, Json], endpoint: str
) -> None:
    session = requests.Session()
    session.trust_env = False

    def ask(who: str) -> tuple[int, int]:
        # A body that no endpoint takes: whoever passes the gate is refused right behind it.
        answer = session.post(f"{shared.url}/v2.23/{endpoint}", data=b"[]", headers=headers[who], timeout=10)
        meta = answer.json()["meta"]
        assert meta["result_code"] == answer.status_code
        assert "Traceback" not in answer.text
        return answer.status_code, meta["result_subcode"]

    behind = (400, 17) if endpoint in ("events.add_batch",) else (400, 0)
    if endpoint in roles.OPEN:
        assert {ask(who) for who in STRANGERS} == {behind}
        return
    expected = {"missing": 20, "of another kind": 10}
    assert {who: ask(who) for who in STRANGERS} == {who: (401, expected.get(who, 30)) for who in STRANGERS}
    passes = {"viewer": ask("viewer"), "admin": ask("admin")}
    assert passes["admin"][0] == 400, passes
    assert passes["viewer"] == (passes["admin"] if roles.needed(endpoint) == "viewer" else (403, 20))
    session.close()


def test_what_writes_is_no_viewers_business() -> None:
    """The rule by names, held against the verbs that write."""
    verbs = ("create", "edit", "update", "delete", "add", "set_", "started", "stopped", "failed", "completed", "stop",
             "publish", "reset", "archive", "unarchive", "move", "clone", "enqueue", "dequeue", "clear_task_log",
             "register", "unregister", "status_report", "get_next_task", "close", "ping")  # fmt: skip
    mistaken = [
        endpoint
        for endpoint in ENDPOINTS
        if endpoint.partition(".")[2].startswith(verbs)
        and roles.needed(endpoint) == "viewer"
        and not endpoint.startswith(("auth.", "debug."))
    ]
    assert mistaken == []
    assert roles.needed("a.new_one") == "user"
    assert not roles.allows("", "tasks.get_all")
    assert not roles.allows("root", "tasks.get_all")


def basic(access: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{access}:{secret}".encode()).decode()}


def test_a_login_gives_the_token_that_clients_read(served: Served) -> None:
    answer = requests.get(
        f"{served.url}/auth.login?expiration_sec=600", headers=basic(served.access_key, served.secret_key), timeout=5
    )
    token = answer.json()["data"]["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert 590 <= claims["exp"] - time.time() <= 601
    assert (claims["api_version"], claims["feature_set"], claims["auth_type"]) == ("2.34", "basic", "Bearer")
    assert claims["identity"]["role"] == "admin"
    again = requests.post(f"{served.url}/auth.login", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert again.json()["data"]["token"] != token
    assert "HttpOnly" in answer.headers["set-cookie"]
    by_cookie = requests.get(
        f"{served.url}/users.get_current_user", cookies={"clearml_token_basic": token}, timeout=5
    ).json()
    assert by_cookie["data"]["user"]["id"] == served.store.owner.user


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize("call", ["users.create?name=foreign&role=admin", "auth.create_credentials"])
def test_a_link_in_a_foreign_page_changes_nothing_with_the_cookie(served: Served, method: str, call: str) -> None:
    login = requests.post(f"{served.url}/auth.login", headers=basic(served.access_key, served.secret_key), timeout=5)
    cookies = {"clearml_token_basic": login.json()["data"]["token"]}
    assert requests.request(method, f"{served.url}/{call}", cookies=cookies, timeout=5).status_code == 401
    assert len(credentials.of_user(served.store, served.store.owner.user)) == 1
    posted = requests.post(f"{served.url}/{call}", cookies=cookies, timeout=5)
    assert posted.status_code == 200


@pytest.mark.parametrize(
    ("value", "subcode"),
    [("Basic !!", 21), ("Basic " + base64.b64encode(b"\xff\xfe").decode(), 21), ("Basic eDp5", 22), ("Basic", 22)],
)
def test_wrong_keys_are_told_apart(served: Served, value: str, subcode: int) -> None:
    answer = requests.get(f"{served.url}/auth.login", headers={"Authorization": value}, timeout=5)
    assert (answer.status_code, answer.json()["meta"]["result_subcode"]) == (401, subcode)


def test_tokens_outlive_a_restart(tmp_path: Path) -> None:
    with temporary_server(tmp_path) as first, connected(first) as client:
        token = client("auth.login")["token"]
    tokens._keys.clear()  # what a new process does not know
    with temporary_store(tmp_path) as store:
        assert tokens.read(store, token).user == store.owner.user


def test_keys_belong_to_their_user(served: Served, client: Any) -> None:
    user = client("users.create", name="somebody", role="user")["id"]
    made = client("auth.create_credentials", user=user, label="laptop")["credentials"]
    with connected(served, (made["access_key"], made["secret_key"])) as other:
        own = other("auth.get_credentials")["credentials"]
        assert [(key["access_key"], key["label"]) for key in own] == [(made["access_key"], "laptop")]
        assert own[0]["last_used_from"] == "127.0.0.1"
        assert "secret" not in str(own)
        for endpoint, body in (
            ("auth.get_credentials", {"user": served.store.owner.user}),
            ("auth.create_credentials", {"user": served.store.owner.user}),
            ("auth.revoke_credentials", {"access_key": served.access_key}),
            ("auth.edit_credentials", {"access_key": served.access_key, "label": "x"}),
            ("auth.revoke_credentials", {"access_key": "NOSUCHKEY"}),
            ("users.create", {"name": "me too"}),
            ("users.update", {"user": user, "role": "admin"}),
            ("users.delete", {"user": served.store.owner.user}),
        ):
            answer = other.ask(endpoint, body)
            assert (answer.status_code, answer.json()["meta"]["result_subcode"] in (20, 21)) == (403, True), endpoint
        token = other("auth.login")["token"]
        assert client("auth.validate_token", token=token)["valid"] is True
        other("auth.revoke_credentials", access_key=made["access_key"])
        assert other.ask("tasks.get_all").status_code == 401
    assert client("auth.validate_token", token=token)["valid"] is False
    assert client("auth.get_credentials")["credentials"][0]["access_key"] == served.access_key


def test_secrets_are_stored_as_hashes_only(served: Served) -> None:
    content = b"".join(path.read_bytes() for path in served.store.db.path.parent.glob("store.db*"))
    assert served.access_key.encode() in content
    assert served.secret_key.encode() not in content


def test_users_are_managed_by_an_admin(served: Served, client: Any) -> None:
    user = client("users.create", name="a reader", role="viewer")["id"]
    assert client.ask("users.create", {"name": "a reader"}).json()["meta"]["result_subcode"] == 801
    assert client.ask("users.create", {"name": "x", "role": "root"}).status_code == 400
    assert {row["name"]: row["role"] for row in client("users.get_all")["users"]}["a reader"] == "viewer"
    assert client("users.update", user=user, role="user")["updated"] == 1
    assert client.ask("users.update", {"user": served.store.owner.user, "role": "user"}).status_code == 400
    assert client.ask("users.delete", {"user": served.store.owner.user}).status_code == 400
    assert client("users.delete", user=user)["deleted"] == 1
    assert client.ask("users.delete", {"user": user}).status_code == 400


def test_guessing_is_slowed_down_but_tokens_go_on(served: Served, client: Any) -> None:
    token = client("auth.login")["token"]
    for _ in range(FAILURES):
        assert requests.get(f"{served.url}/auth.login", headers=basic("x", "y"), timeout=5).status_code == 401
    for _ in range(10):  # the allowance comes back while we guess
        answer = requests.get(f"{served.url}/auth.login", headers=basic("x", "y"), timeout=5)
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    with_token = requests.get(f"{served.url}/debug.ping", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert with_token.status_code == 200


def test_logs_hold_no_secrets(tmp_path: Path, make_log: Callable[..., str]) -> None:
    text = make_log(tmp_path)
    lines = text.splitlines()
    assert len(lines) >= 4
    assert '"path":"/auth.login"' in lines[0]
    for secret in ("Basic", "Bearer", "eyJ", "hunter2", "querysecret"):
        assert secret not in text


@pytest.fixture
def make_log() -> Callable[..., str]:
    def make(folder: Path) -> str:
        log = folder / "access.log"
        with temporary_server(folder / "s", face=Face(access_log=str(log))) as served, connected(served) as client:
            client("auth.login")
            client.ask("auth.login?token=querysecret")
            client.ask("tasks.create", {"name": "hunter2 is it", "type": "training"})
            requests.get(f"{served.url}/tasks.get_all", headers={"Authorization": "Bearer eyJ.a.b"}, timeout=5)
            secret = served.secret_key
        text = log.read_text()
        assert secret not in text
        return text

    return make
