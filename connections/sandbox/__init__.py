"""The sandbox exchange: a local server that trades the way Binance's spot and USD-M markets do.

It speaks the same REST protocol, checks the same signatures and filters, and matches orders by
price and time against prices of a feed (a replay, a seeded random walk, or live public prices).
No money is ever involved, and everything that it shows carries the label SANDBOX.

The core imports neither Django nor numpy; `manage.py sandbox` and `python -m connections.sandbox`
are two doors to the same program.
"""

LABEL = "SANDBOX"
VERSION = "1.0.0"
