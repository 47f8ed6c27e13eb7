"""The docs describe what stands: tables that repeat the code are compared with it."""

import re
from pathlib import Path

from cts.environment import BASE_DIR
from positions.refusals import markdown_table

DOCS = [
    BASE_DIR / "README.md",
    BASE_DIR / "CHANGELOG.md",
    *sorted((BASE_DIR / "docs").glob("*.md")),
]


def test_every_refusal_is_in_the_traders_table_in_the_codes_order():
    assert markdown_table() in (BASE_DIR / "docs" / "trading.md").read_text()


def test_every_setting_of_the_environment_is_told():
    source = (BASE_DIR / "cts" / "settings.py").read_text() + (
        BASE_DIR / "cts" / "environment.py"
    ).read_text()
    names = set(
        re.findall(
            r'(?:ENV|self)\.(?:text|typed|choice|integer|url|secret|fernet_keys|address)\(\s*"([A-Z_]+)"',
            source,
        )
    )
    told = (BASE_DIR / "docs" / "operations.md").read_text()
    told = told.replace(
        "`_SECRET`, `_CONTROL_TOKEN`", "CTS_SANDBOX_SECRET CTS_SANDBOX_CONTROL_TOKEN"
    )
    assert {"DATABASE_URL", "ENCRYPTION_KEY", "CTS_WEB_BIND"} <= names
    assert {
        name for name in names if name not in told and not name.startswith("CTS_TEST_")
    } == set()


def test_links_inside_the_docs_lead_somewhere():
    broken = [
        f"{doc.name}: {target}"
        for doc in DOCS
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", doc.read_text())
        if not (Path(doc).parent / target).exists()
    ]
    assert broken == []
