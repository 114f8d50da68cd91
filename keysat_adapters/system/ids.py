"""Random identifiers."""

import uuid


class RandomIds:
    """UUIDs of version 4."""

    def new(self) -> str:
        """Give a lower-case hyphenated UUIDv4."""
        return str(uuid.uuid4())
