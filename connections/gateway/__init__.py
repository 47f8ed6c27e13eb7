"""The only code that touches ccxt: typed requests in, typed answers out."""
