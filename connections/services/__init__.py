"""Every change of a connection: one module per verb, shared by web, API, admin and commands."""
