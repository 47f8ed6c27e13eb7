"""Is the database there? Asked without the connection pool, which would wait and retry."""

import psycopg
from django.db import OperationalError, connection

CONNECT_SECS = 3


def reach_database() -> None:
    """Connect once; raises django.db.OperationalError when the database doesn't answer in 3 s."""
    if connection.vendor != "postgresql":
        connection.ensure_connection()
        return
    parameters = {**connection.get_connection_params(), "connect_timeout": CONNECT_SECS}
    try:
        psycopg.connect(**parameters).close()
    except psycopg.Error as error:
        raise OperationalError(str(error)) from error


def database_name() -> str:
    """Say which database it is, without the password."""
    values = connection.settings_dict
    if not values["HOST"]:
        return str(values["NAME"])
    return f"{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"
