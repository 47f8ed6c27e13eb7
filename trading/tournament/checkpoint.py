"""A book's arrays as bytes and back: `.npz` without pickle, tied to what built the book."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT_VERSION = 1
"""To be raised whenever the arrays, or the rules that made them, change their meaning."""

_FINGERPRINT = "fingerprint"


class CheckpointError(ValueError):
    """Bytes that are no checkpoint of this book; rebuild it by replay."""


def fingerprint_of(origin: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the JSON of what a book was built from, and the format's version."""
    text = json.dumps({"format": FORMAT_VERSION, **origin}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def pack(arrays: Mapping[str, NDArray[Any]], fingerprint: str) -> bytes:
    """The arrays by name, with the fingerprint, as compressed bytes."""
    buffer = io.BytesIO()
    named = {_FINGERPRINT: np.array(fingerprint), **arrays}
    np.savez_compressed(buffer, allow_pickle=False, **named)
    return buffer.getvalue()


def unpack_into(arrays: Mapping[str, NDArray[Any]], data: bytes, fingerprint: str) -> None:
    """Fills `arrays` from the bytes of `pack`.

    Raises `CheckpointError`, leaving every array as it was, for damaged bytes, another
    fingerprint (another grid, gates, symbols, timeframe or format), or arrays of another shape.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            loaded = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as problem:
        raise CheckpointError(f"Checkpoint: expected .npz bytes: {problem}") from problem
    found = str(loaded.pop(_FINGERPRINT, ""))
    if found != fingerprint:
        raise CheckpointError(
            f"Checkpoint: expected one of this grid, gates, symbols and timeframe "
            f"({fingerprint[:12]}), was {found[:12] or 'without fingerprint'}."
        )
    for name, array in arrays.items():
        if name not in loaded or loaded[name].shape != array.shape:
            shape = loaded[name].shape if name in loaded else "missing"
            raise CheckpointError(f"Checkpoint: expected {name} {array.shape}, was {shape}.")
        if loaded[name].dtype != array.dtype:
            raise CheckpointError(
                f"Checkpoint: expected {name} of {array.dtype}, was {loaded[name].dtype}."
            )
    for name, array in arrays.items():
        array[...] = loaded[name]
