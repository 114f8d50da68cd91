"""What is said between a test and its nursery, one JSON document a line."""

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do, where, and with which settings. Its output goes to files."""

    number: int
    task: str
    words: tuple[str, ...]
    folder: str
    variables: dict[str, str]
    out: str
    err: str
    is_bound_by_modes: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``number`` is set when an order was taken up, ``status`` when the process ended."""

    pid: int
    number: int | None = None
    status: int | None = None
