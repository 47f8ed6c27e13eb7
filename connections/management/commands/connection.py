"""`manage.py connection`: one verb per change of a connection, from add to delete and restore."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from connections.choices import OFFERED_INDICATIONS, Environment, MarketType, PositionMode
from connections.gateway.catalogue import require_offered
from connections.management.credential_input import read_secrets
from connections.models import Connection, ConnectionTest
from connections.open_positions import open_positions
from connections.selectors import (
    connection_named,
    deleted_connection_named,
    deleted_connections,
    existing_connections,
)
from connections.services import creation, lifecycle, live_trading, testing
from cts.actors import Actor
from cts.choices import Role
from cts.errors import Refused
from cts.models import User


class Command(BaseCommand):
    """Manages exchange connections from the machine, through the services of the other doors."""

    help = (
        "Manage exchange connections. Secrets are asked for, or read from CTS_KEY, CTS_SECRET and "
        "CTS_PASSPHRASE, or from a file; they are never arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
        add = _verb(verbs, "add", "store a connection, disabled")
        add.add_argument("name")
        add.add_argument("--exchange", required=True, help="a ccxt id, for example binance")
        add.add_argument("--environment", choices=Environment.values, default=Environment.LIVE)
        add.add_argument(
            "--market-type", choices=MarketType.values, default=MarketType.USDT_PERPETUAL
        )
        add.add_argument("--owner", help="user name; the only person where there is just one")
        add.add_argument("--leverage", type=int, default=1)
        add.add_argument(
            "--position-mode", choices=PositionMode.values, default=PositionMode.ONE_WAY
        )
        add.add_argument("--credentials-file", help="JSON: key, secret and perhaps passphrase")
        listing = _verb(verbs, "list", "show all connections")
        listing.add_argument("--deleted", action="store_true", help="show the deleted ones")
        for verb, text in (
            ("test", "run the connection test"),
            ("enable", "test, and make ready to trade"),
            ("activate", "add to the dashboard: its engine starts"),
            ("remove", "remove from the dashboard: live trading goes off"),
            ("disable", "put out of use: live trading goes off"),
            ("delete", "delete softly, where no position is open"),
            ("restore", "bring a deleted one back, disabled"),
        ):
            _verb(verbs, verb, text, named=True)
        live = _verb(verbs, "live", "switch live trading on, or off with --off", named=True)
        live.add_argument("--off", action="store_true")
        live.add_argument(
            "--indications",
            default="",
            help=f"comma-separated, out of {', '.join(OFFERED_INDICATIONS)}",
        )
        live.add_argument("--no-trailing", action="store_true")
        live.add_argument("--no-block", action="store_true")
        live.add_argument("--dca", action="store_true")
        live.add_argument("--confirm", default="", help="the connection's name, to confirm")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one verb. Raises CommandError with one plain line where it can't be done."""
        verb = options["verb"]
        try:
            if verb == "list":
                self._list(deleted=options["deleted"], as_json=options["json"])
            elif verb == "add":
                self._show(self._add(options), options)
            else:
                find = deleted_connection_named if verb == "restore" else connection_named
                self._act(verb, find(options["name"]), options)
        except Refused as refused:
            raise CommandError(refused.message) from refused
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error

    def _add(self, options: dict[str, Any]) -> Connection:
        # Before a person is asked for secrets in vain.
        exchange = options["exchange"].strip().lower()
        require_offered(exchange, options["environment"], options["market_type"])
        owner = _owner(options["owner"])
        secrets = read_secrets(options["credentials_file"])
        return creation.create_connection(
            actor=Actor.command(),
            owner=owner,
            name=options["name"],
            exchange=exchange,
            environment=options["environment"],
            market_type=options["market_type"],
            api_key=secrets.key,
            api_secret=secrets.secret,
            passphrase=secrets.passphrase,
            leverage=options["leverage"],
            position_mode=options["position_mode"],
        )

    def _act(self, verb: str, connection: Connection, options: dict[str, Any]) -> None:
        actor = Actor.command()
        if verb == "test":
            self._show_test(testing.test_connection(actor=actor, connection=connection), options)
            return
        if verb == "live":
            self._switch_live(actor, connection, options)
        else:
            services = {
                "enable": lifecycle.enable,
                "activate": lifecycle.activate,
                "remove": lifecycle.deactivate,
                "disable": lifecycle.disable,
                "delete": lifecycle.delete,
                "restore": lifecycle.restore,
            }
            services[verb](actor=actor, connection=connection)
        self._show(connection, options)

    def _switch_live(self, actor: Actor, connection: Connection, options: dict[str, Any]) -> None:
        if options["off"]:
            live_trading.switch_live_off(actor=actor, connection=connection)
            return
        chosen = [name.strip() for name in options["indications"].split(",") if name.strip()]
        live_trading.switch_live_on(
            actor=actor,
            connection=connection,
            indication_types=chosen,
            trailing=not options["no_trailing"],
            block=not options["no_block"],
            dca=options["dca"],
            confirmation=options["confirm"],
        )

    def _list(self, *, deleted: bool, as_json: bool) -> None:
        connections = deleted_connections() if deleted else existing_connections()
        rows = [_facts(connection) for connection in connections]
        if as_json:
            self.stdout.write(json.dumps(rows))
            return
        if not rows and deleted:
            self.stdout.write("There are no deleted connections.")
        elif not rows:
            self.stdout.write("There are no connections. Add one with: manage.py connection add")
        for row in rows:
            self.stdout.write(
                f"{row['id']:>5}  {row['name']}  {row['exchange']} {row['market_type']} "
                f"{row['environment'].upper()}  {row['state']}  owner {row['owner']}"
            )

    def _show(self, connection: Connection, options: dict[str, Any]) -> None:
        remaining = open_positions(connection)
        if options["json"]:
            self.stdout.write(json.dumps({**_facts(connection), "open_positions": remaining}))
            return
        self.stdout.write(f"{connection}: {connection.state}.")
        if remaining and not connection.live_trading:
            self.stdout.write(f"Still open: {', '.join(remaining)}.")

    def _show_test(self, test: ConnectionTest, options: dict[str, Any]) -> None:
        if options["json"]:
            facts = {"ok": test.ok, "message": test.message, "lines": test.lines}
            self.stdout.write(json.dumps({**facts, "duration_ms": test.duration_ms}))
        else:
            for line in test.lines:
                self.stdout.write(line)
        if not test.ok:
            raise CommandError(f"The test failed: {test.message}")


def _verb(verbs: Any, name: str, text: str, *, named: bool = False) -> Any:
    parser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    if named:
        parser.add_argument("name", help="the connection's name or number")
    return parser


def _owner(username: str | None) -> User:
    people = User.objects.filter(is_active=True).exclude(role=Role.VIEWER)
    if username is not None:
        owner = people.filter(username=username).first()
        if owner is None:
            raise Refused(
                "connection.unknown_owner",
                f'There is no active trader, operator or admin "{username[:60]}".',
                field="owner",
            )
        return owner
    candidates = list(people[:2])
    if len(candidates) != 1:
        raise Refused(
            "connection.owner_missing", "Say whose it is: --owner USERNAME.", field="owner"
        )
    return candidates[0]


def _facts(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.pk,
        "name": connection.name,
        "owner": connection.owner.get_username(),
        "exchange": connection.exchange,
        "market_type": str(connection.market_type),
        "environment": str(connection.environment),
        "state": connection.state,
        "indication_types": connection.indication_types,
        "last_test_ok": connection.last_test_ok,
        "last_test_message": connection.last_test_message,
    }
