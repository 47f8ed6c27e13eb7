"""The environment of every test, set before Django's settings are read.

Own data folder, fixed secrets, nothing from the developer's shell except DATABASE_URL, REDIS_URL,
CTS_TEST_DATABASE and CTS_REPLAY_DIR.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

REPOSITORY = Path(__file__).resolve().parent.parent
REPLAY_DIR = REPOSITORY.parent / "shared" / "market-data"
TAKEN_OVER = ("CTS_REPLAY_DIR", "CTS_TEST_DATABASE")
NAMES = (
    "ENVIRONMENT",
    "APP_URL",
    "SESSION_SECRET",
    "JWT_SECRET",
    "ENCRYPTION_KEY",
    "API_SIGNING_SECRET",
)
SECRETS = {
    "SESSION_SECRET": "session-secret-of-the-tests-0123456789",
    "JWT_SECRET": "jwt-secret-of-the-tests-0123456789abcdef",
    "ENCRYPTION_KEY": "dGVzdHMtb25seS1rZXktMDEyMzQ1Njc4OWFiY2RlZmc=",
    "API_SIGNING_SECRET": "signing-secret-of-the-tests-0123456789",
    "CTS_SANDBOX_KEY": "sandbox-key-of-the-tests-0123456789abcdef",
    "CTS_SANDBOX_SECRET": "sandbox-secret-of-the-tests-0123456789",
    "CTS_SANDBOX_CONTROL_TOKEN": "sandbox-token-of-the-tests-0123456789",
}


def set_up() -> None:
    """Replace what the shell says with what tests need. Call before settings are imported."""
    for name in list(os.environ):
        is_ours = name.startswith("CTS_") or name.removesuffix("_FILE") in NAMES
        if is_ours and name not in TAKEN_OVER:
            del os.environ[name]
    # A short path: unix sockets allow about 100 bytes.
    folder = tempfile.mkdtemp(prefix="cts-test-", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(SECRETS)
    os.environ["CTS_VAR_DIR"] = folder
    if "CTS_REPLAY_DIR" not in os.environ and REPLAY_DIR.is_dir():
        os.environ["CTS_REPLAY_DIR"] = str(REPLAY_DIR)
    if redis_url := os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = _own_redis_database(redis_url)


def _own_redis_database(url: str) -> str:
    # Under xdist worker k of a run uses database n + k. A worker inherits the environment of the
    # controller, which keeps n.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    parts = urlsplit(url)
    database = int(parts.path.strip("/") or 0) + int(worker.removeprefix("gw") or 0)
    return urlunsplit(parts._replace(path=f"/{database}"))
