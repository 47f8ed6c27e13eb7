"""The environment: what is wrong is named with the form expected; secrets are made once."""

import stat

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from cts.environment import Environment

STRONG = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def development(monkeypatch, tmp_path):
    for name in ("SESSION_SECRET", "ENCRYPTION_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CTS_VAR_DIR", str(tmp_path / "var"))
    return Environment()


@pytest.fixture
def production(monkeypatch, development):
    monkeypatch.setenv("ENVIRONMENT", "production")
    return Environment()


@pytest.mark.parametrize(
    ("value", "read", "expected"),
    [
        ("staging", lambda env: env.choice("CTS_X", ("on", "off"), "on"), "on or off"),
        ("many", lambda env: env.integer("CTS_X", 1, 1, 32), "a whole number from 1 to 32"),
        ("33", lambda env: env.integer("CTS_X", 1, 1, 32), "a whole number from 1 to 32"),
        ("8000", lambda env: env.address("CTS_X", "127.0.0.1:8000"), "host:port"),
        ("host:99999", lambda env: env.address("CTS_X", "127.0.0.1:8000"), "host:port"),
        ("me@host:80", lambda env: env.address("CTS_X", "127.0.0.1:8000"), "host:port"),
        ("ftp://x", lambda env: env.url("CTS_X", "", ("http", "https")), "http://…, https://…"),
    ],
)
def test_a_bad_value_is_named_with_the_form_expected(
    monkeypatch, development, value, read, expected
):
    monkeypatch.setenv("CTS_X", value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        read(development)
    assert str(refusal.value).startswith("CTS_X: expected")
    assert expected in str(refusal.value)


def test_the_password_of_a_bad_url_is_not_repeated(monkeypatch, development):
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/cts")
    with pytest.raises(ImproperlyConfigured) as refusal:
        development.url("DATABASE_URL", "", ("sqlite", "postgres"))
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104
        ("[::1]:8000", ("::1", 8000)),
        ("trade.example:8443", ("trade.example", 8443)),
    ],
)
def test_an_address_is_host_and_port(monkeypatch, development, text, address):
    monkeypatch.setenv("CTS_X", text)
    assert development.address("CTS_X", "127.0.0.1:8000") == address


def test_a_value_may_come_from_a_file(monkeypatch, development, tmp_path):
    (tmp_path / "secret").write_text(f"{STRONG}\n")
    monkeypatch.setenv("SESSION_SECRET_FILE", str(tmp_path / "secret"))
    assert development.secret("SESSION_SECRET") == STRONG


def test_a_missing_secret_file_is_named(monkeypatch, development, tmp_path):
    monkeypatch.setenv("SESSION_SECRET_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match="SESSION_SECRET_FILE: expected a read"):
        development.secret("SESSION_SECRET")


def test_development_makes_secrets_once_in_a_private_file(development):
    first = development.secret("SESSION_SECRET")
    keys = development.fernet_keys("ENCRYPTION_KEY")

    again = Environment()
    assert again.secret("SESSION_SECRET") == first
    assert again.fernet_keys("ENCRYPTION_KEY") == keys
    assert len(first) >= 32
    file = development.var_dir / "secrets.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(development.var_dir.stat().st_mode) == 0o700


def test_two_secrets_are_not_the_same(development):
    assert development.secret("SESSION_SECRET") != development.secret("JWT_SECRET_OF_THIS_TEST")


@pytest.mark.parametrize(
    ("value", "state"), [("", "is missing"), ("changeme", "is too weak"), ("a" * 64, "is too weak")]
)
def test_production_refuses_a_missing_or_weak_secret(monkeypatch, production, value, state):
    monkeypatch.setenv("SESSION_SECRET", value)
    with pytest.raises(ImproperlyConfigured, match=f"SESSION_SECRET {state}") as refusal:
        production.secret("SESSION_SECRET")
    assert "secrets.token_urlsafe" in str(refusal.value)
    assert not (production.var_dir / "secrets.env").exists()


def test_production_refuses_a_missing_encryption_key(production):
    with pytest.raises(ImproperlyConfigured, match=r"ENCRYPTION_KEY is missing.*Fernet"):
        production.fernet_keys("ENCRYPTION_KEY")


def test_a_bad_encryption_key_is_named_by_its_place(monkeypatch, production):
    monkeypatch.setenv("ENCRYPTION_KEY", f"{Fernet.generate_key().decode()},short")
    with pytest.raises(ImproperlyConfigured, match="key 2 is not one"):
        production.fernet_keys("ENCRYPTION_KEY")


def test_an_optional_secret_may_be_empty_in_production_but_not_weak(monkeypatch, production):
    assert production.secret("CTS_OPTIONAL", optional_in_production=True) == ""
    monkeypatch.setenv("CTS_OPTIONAL", "weak")
    with pytest.raises(ImproperlyConfigured, match="CTS_OPTIONAL is too weak"):
        production.secret("CTS_OPTIONAL", optional_in_production=True)


def test_an_unwritable_data_folder_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CTS_VAR_DIR", str(tmp_path / "file" / "var"))
    monkeypatch.delenv("SESSION_SECRET", raising=False)
    with pytest.raises(ImproperlyConfigured, match="CTS_VAR_DIR: expected a folder"):
        Environment().secret("SESSION_SECRET")
