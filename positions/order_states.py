"""The states an order may pass through (design section 5): one literal table."""

from positions.choices import OrderState as S

ANY_TRUTH = frozenset({S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED})

TRANSITIONS: dict[S, frozenset[S]] = {
    # denied: an intent that was never sent, given up on start because its moment has passed
    S.INTENT: frozenset({S.SENT, S.DENIED}),
    # canceled, expired: an exchange may answer so at once (an IOC order that found no one)
    S.SENT: frozenset(
        {S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.UNKNOWN}
    ),
    S.UNKNOWN: ANY_TRUTH | {S.LOST},
    # lost is an alarm, not an end: any truth of the exchange leads out of it
    S.LOST: ANY_TRUTH,
    S.OPEN: frozenset(
        {S.PARTIALLY_FILLED, S.FILLED, S.CANCEL_SENT, S.CANCELED, S.EXPIRED, S.REJECTED}
    ),
    S.PARTIALLY_FILLED: frozenset(
        {S.PARTIALLY_FILLED, S.FILLED, S.CANCEL_SENT, S.CANCELED, S.EXPIRED, S.REJECTED}
    ),
    # open: the exchange refused the cancel, the order stands; rejected: a stop that triggered
    # before the cancel arrived, and whose order the exchange refused
    S.CANCEL_SENT: ANY_TRUTH | {S.CANCEL_UNKNOWN},
    S.CANCEL_UNKNOWN: ANY_TRUTH,
    S.FILLED: frozenset(),
    # a late fill after the end: taken, and reported loudly
    S.CANCELED: frozenset({S.PARTIALLY_FILLED, S.FILLED}),
    S.EXPIRED: frozenset({S.PARTIALLY_FILLED, S.FILLED}),
    S.REJECTED: frozenset({S.PARTIALLY_FILLED, S.FILLED}),
    S.DENIED: frozenset(),
}

# Not yet at an end: settled by asking the exchange.
UNSETTLED = (
    S.INTENT,
    S.SENT,
    S.OPEN,
    S.PARTIALLY_FILLED,
    S.CANCEL_SENT,
    S.CANCEL_UNKNOWN,
    S.UNKNOWN,
    S.LOST,
)
# What the exchange was told but has not answered for certain.
UNANSWERED = (S.INTENT, S.SENT, S.UNKNOWN, S.LOST, S.CANCEL_SENT, S.CANCEL_UNKNOWN)
ENDED = (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.DENIED)


def may_become(before: S, after: S) -> bool:
    """Tell whether an order may go from `before` to `after`."""
    return after in TRANSITIONS[before]
