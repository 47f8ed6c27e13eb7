"""The newest frames of every symbol: as many as the hungriest indication looks at."""

import numpy as np

from trading.candle_arrays import Candles


class RecentFrames:
    """A bounded buffer of frames for `symbols` symbols, of which the newest `kept` can be read.

    Arrays: `open_ms` (symbols, room), `columns` (symbols, 5, room) with open, high, low, close,
    volume; `ends[symbol]` is the first free place. The room is several times `kept`, so that
    frames are moved to the front once in a while and not each time.
    """

    def __init__(self, symbols: int, kept: int) -> None:
        room = 4 * kept
        self.kept = kept
        self.open_ms = np.zeros((symbols, room), dtype=np.int64)
        self.columns = np.zeros((symbols, 5, room), dtype=np.float64)
        self.ends = np.zeros(symbols, dtype=np.int64)

    def append(self, symbol: int, open_ms: int, frame: tuple[float, ...]) -> None:
        """Adds a checked frame (open, high, low, close, volume) of the symbol with that number."""
        end = int(self.ends[symbol])
        if end == self.open_ms.shape[1]:
            self.open_ms[symbol, : self.kept] = self.open_ms[symbol, end - self.kept :]
            self.columns[symbol, :, : self.kept] = self.columns[symbol, :, end - self.kept :]
            end = self.kept
        self.open_ms[symbol, end] = open_ms
        self.columns[symbol, :, end] = frame
        self.ends[symbol] = end + 1

    def last_open_ms(self, symbol: int) -> int | None:
        """Opening time of the symbol's newest frame in ms; None before the first."""
        end = int(self.ends[symbol])
        return int(self.open_ms[symbol, end - 1]) if end else None

    def newest(self, symbol: int) -> Candles:
        """The newest frames, `kept` or fewer, as views: use them before the next `append`."""
        end = int(self.ends[symbol])
        chosen = slice(max(0, end - self.kept), end)
        return Candles.already_checked(
            self.open_ms[symbol, chosen], *self.columns[symbol, :, chosen]
        )
