"""The error that every service raises when it will not do what was asked."""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A plain answer to a request that can't be carried out: nothing was changed.

    `code` is stable and dotted ("connection.not_enabled"); `message` says what was expected, what
    was found and what to do; `field` names the input at fault, where there is one.
    """

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
