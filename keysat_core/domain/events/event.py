"""What every event is. Source: lifecycles 10.1; admin-api 2.5."""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of every event. ``event_type`` is its published name; the fields are its ``data``."""

    event_type: ClassVar[str]
    is_published: ClassVar[bool] = True
