"""Indications: signals from closed candles. One file each, listed in `registry`."""
