"""Market data: prices, candles, symbols. Fetched once per venue, whoever trades there."""
