"""What counts as a secret, what must not, and that nothing else of the text changes."""

from __future__ import annotations

import base64
import hashlib
import struct
import uuid
from pathlib import Path

import pytest

from mlops_cli import secrets
from mlops_cli.secrets import (
    REDACTED,
    is_secret_name,
    known_values,
    scrub_argv,
    scrub_code,
    scrub_environ,
    scrub_text,
    scrub_url,
    scrub_value,
)

SECRETS = [
    ("AKIA" + "IOSFODNN7EXAMPLE", "aws key"),
    ("ghp_" + "a1B2" * 9, "github token"),
    ("github_pat_" + "11ABCDEFG0" * 3, "github token"),
    ("glpat-" + "xYz12345678901234567", "gitlab token"),
    ("xoxb-" + "123456789012-abcdefABCDEF", "slack token"),
    ("hf_" + "aBcDeFgHiJ" * 3 + "kLmN", "hugging face token"),
    ("sk-" + "proj-abcDEF123456789012345678", "openai key"),
    ("sk-ant-" + "api03-abcdefghijklmnopqrstuv", "anthropic key"),
    ("AIza" + "SyA1234567890abcdefghijklmnopqrstuv", "google key"),
    ("SG." + "a1" * 11 + "." + "b2" * 21, "sendgrid key"),
    ("eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "jwt"),
    ("7GkQ2vLx9RbT4nWp8ZsYc3HdJ6fMaE1U", "random string"),
]


@pytest.mark.parametrize(("secret", "kind"), SECRETS)
@pytest.mark.parametrize("around", ["%s", "see '%s', ok", "x=%s\n", '{"v": "%s"}', "ü %s\r\n"])
def test_a_secret_is_replaced_wherever_it_stands(secret: str, kind: str, around: str) -> None:
    clean = scrub_text(around % secret)
    assert clean.value == around % REDACTED
    assert [found.kind for found in clean.findings] == [kind]
    assert secret not in repr(clean)


NAMED = [
    ("PASSWORD=%s", "hunter2"),
    ("password: '%s'", "correct-horse"),
    ('{"client_secret": "%s"}', "abc123def"),
    ("api_key = '%s'", "abcd1234efgh"),
    ('os.environ["HF_TOKEN"] = "%s"', "abcd1234abcd1234"),
    ("secret_key: str = '%s'", "xyzzy12"),
    ("login --password %s --lr 1", "hunter2"),
    ("Authorization: Bearer %s", "abcdefgh12345678abc"),
    ("https://me:%s@host/x.git", "p4ss"),
    ("postgresql+psycopg://user:%s@db:5432/x", "s3cret!"),
    ("https://%s@github.com/a/b", "0123456789abcdef0123456789abcdef01234567"),
    ("curl 'https://x/?access_token=%s&n=1'", "a1b2c3d4e5f6a7b8"),
]


@pytest.mark.parametrize(("line", "secret"), NAMED)
def test_a_named_value_is_replaced_and_nothing_else(line: str, secret: str) -> None:
    assert scrub_text(line % secret).value == line % REDACTED


def _ordinary_lines() -> list[str]:
    values = [0.1 * i for i in range(64)]
    return [
        "epoch 3/90 step 1200 loss=0.3412 lr=1.0e-04 1234.5 tokens/s",
        "token: 12, tokens: 4096, max_tokens=100, num_tokens: 12345678901",
        "pad_token='<pad>' eos_token=</s> pad_token_id: 50256 tokenizer=GPT2TokenizerFast",
        "Password: incorrect",
        "key: epoch, keyboard=qwerty, keys: ['loss', 'accuracy_top5']",
        "All keys matched successfully; missing keys: layer4.2.conv3.weight12345",
        "use_auth_token=True token=None password= secret=${SECRET} api_key=<your key>",
        "HEAD is now at " + hashlib.sha1(b"x").hexdigest(),
        "sha256:" + hashlib.sha256(b"x").hexdigest(),
        "blake2b " + hashlib.blake2b(b"x").hexdigest(),
        f"run {uuid.UUID(int=2**100 + 12345)}",
        "--hash=sha256:" + hashlib.sha256(b"y").hexdigest(),
        "integrity sha512-" + base64.b64encode(hashlib.sha512(b"z").digest()).decode(),
        base64.b64encode(b"0.123456,0.234567,0.345678,0.456789,0.5678").decode(),
        base64.b64encode(struct.pack("64d", *values)).decode(),
        "/home/Me/Projects/ResNet50/Checkpoint12/AdamW3e4Seed42Final/events.out.tfevents.1700000000.host",
        "ResNet50V2Checkpoint12AdamW3e4Seed42FinalVersion7",
        "checkpoint_epoch10_valLoss0p123_Adam_bs64_seed12345_fold3of5.pt",
        "s3://bucket/path/to/VeryLongDatasetName2024v3/part-00001-of-00128.tfrecord",
        "git@github.com:org/repo.git https://github.com/org/repo.git ssh://git@host/x.git",
        "https://user:${TOKEN}@host/x https://host:8080/path?q=user@example.com",
        "GOOGLE_APPLICATION_CREDENTIALS=/etc/keys/gcp.json TOKEN_FILE=/run/token",
        "100%|██████████| 391/391 [00:12<00:00, 31.2it/s]",
        "torch-2.3.0+cu121-cp311-cp311-linux_x86_64.whl",
        "sk-learn-some-long-kebab-case-model-name",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ABABABABABABABABABABABABABABABABABAB",
        "    self.secret = secret",
        "for token in tokens: token = token2id[token]",
    ]


@pytest.mark.parametrize("line", _ordinary_lines())
def test_ordinary_training_logs_raise_no_alarm(line: str) -> None:
    clean = scrub_text(line)
    assert clean.value == line
    assert clean.findings == ()


def test_names_are_read_word_by_word() -> None:
    secret = "PASSWORD db_password dbPassword HF_TOKEN api-key AWS_SECRET_ACCESS_KEY APIKEY pwd token authToken"
    for name in secret.split():
        assert is_secret_name(name), name
    plain = "tokenizer max_tokens keyboard PWD OLDPWD eos_token token_count key monkey SECRET_NAME passed compass"
    for name in plain.split():
        assert not is_secret_name(name), name


def test_argv_hides_values_after_and_inside_options() -> None:
    argv = ["t.py", "--password", "x y z", "--api-key=12ab34cd", "db.password=foo9", "--token", "--lr", "0.1", "NAME=1"]
    clean = scrub_argv(argv)
    assert clean.value == [
        "t.py", "--password", REDACTED, f"--api-key={REDACTED}", f"db.password={REDACTED}",
        "--token", "--lr", "0.1", "NAME=1",
    ]  # fmt: skip
    assert [found.place for found in clean.findings] == ["argv[2]", "argv[3]", "argv[4]"]


def test_a_secret_of_the_environment_is_hidden_wherever_it_appears() -> None:
    environ = {"DB_PASSWORD": "horse-battery", "PWD": "/home", "DEBUG_TOKEN": "true", "URL": "x horse-battery y"}
    clean = scrub_environ(environ)
    assert clean.value == {"DB_PASSWORD": REDACTED, "PWD": "/home", "DEBUG_TOKEN": "true", "URL": f"x {REDACTED} y"}
    known = known_values(environ)
    assert known == ("horse-battery",)
    assert scrub_text("got horse-battery!", known=known).value == f"got {REDACTED}!"
    assert scrub_argv(["a=horse-battery"], known=known).value == [f"a={REDACTED}"]


def test_short_and_plain_values_are_not_known_secrets() -> None:
    assert known_values({"PASSWORD": "test", "SECRET": "1234", "API_KEY": "none"}) == ()


def test_a_named_flag_or_number_stays() -> None:
    assert scrub_value("use_token", "True").value == "True"
    assert scrub_value("secret_dim", "12").value == "12"
    assert scrub_value("password", "hunter2").value == REDACTED


def test_a_private_key_keeps_its_number_of_lines() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabcd\n-----END RSA PRIVATE KEY-----\n"
    clean = scrub_text(f"before\n{key}after\n")
    assert clean.value == "before\n" + f"{REDACTED}\n" * 4 + "after\n"
    assert [found.kind for found in clean.findings] == ["private key"]


def test_urls_lose_passwords_and_keep_ssh_users() -> None:
    assert scrub_url("https://me:word@host/a.git").value == "https://host/a.git"
    assert scrub_url("https://token@host/a.git").value == "https://host/a.git"
    assert scrub_url("ssh://git@host:22/a.git").value == "ssh://git@host:22/a.git"
    assert scrub_url("ssh://git:x@host/a.git").value == "ssh://git@host/a.git"
    assert scrub_url("git@host:a.git").value == "git@host:a.git"


def test_hostile_text_costs_linear_time() -> None:
    for piece in ("password", "aB1_", "://", "key: ", "eyJ", "-----BEGIN PRIVATE KEY-----", "token=token="):
        # The limit of each test's time is what fails here: quadratic work would take hours.
        assert "\n" not in scrub_text(piece * (200_000 // len(piece))).value


def test_code_that_names_a_name_keeps_it() -> None:
    code = (
        b'SECRETS = "MLOPS_SECRETS"\nget_credentials="GetCredentials"\nsecrets = "redact"\npassword = "Sup3rSecret!"\n'
    )
    clean = scrub_code(code).value
    assert clean == code.replace(b"Sup3rSecret!", b"<redacted>")


def test_our_own_sources_hold_no_secret() -> None:
    package = Path(secrets.__file__).resolve().parent.parent
    found = {path.name: scrub_code(path.read_bytes()).findings for path in package.rglob("*.py")}
    assert not {name: findings for name, findings in found.items() if findings}
