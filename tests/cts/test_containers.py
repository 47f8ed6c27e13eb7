"""Docker Compose runs the same processes as `manage.py up`, from the same table."""

import re

import pytest
import yaml

from cts.environment import BASE_DIR
from cts.processes import NAMES

COMPOSE = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def test_every_process_has_a_service_and_every_service_is_a_process():
    # Valkey comes as an image of its own there.
    assert set(OURS) == set(NAMES) - {"valkey"} | {"prepare"}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"valkey"}))
def test_the_command_of_a_service_is_the_process_of_its_name(name):
    assert SERVICES[name]["command"] == ["process", name]


def test_preparations_run_once_before_the_rest():
    assert SERVICES["prepare"]["command"] == ["prepare"]
    for name in ("web", "jobs", "engines", "beat"):
        condition = SERVICES[name]["depends_on"]["prepare"]["condition"]
        assert condition == "service_completed_successfully"


def test_secrets_come_from_files_only():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"SECRET|KEY|TOKEN|PASSWORD|DATABASE_URL", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.startswith("/run/secrets/")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_everything_that_goes_on_running_has_a_health_check():
    assert [
        name
        for name, service in SERVICES.items()
        if name != "prepare" and "healthcheck" not in service
    ] == []


def test_only_the_web_is_published_and_only_on_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_the_image_runs_as_nobody_special():
    lines = (BASE_DIR / "Dockerfile").read_text().splitlines()
    assert "USER cts" in lines
    assert lines.index("USER cts") < lines.index('ENTRYPOINT ["python", "manage.py"]')
