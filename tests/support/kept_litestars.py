"""Keeps the framework's applications for the next test: making one looks at every handler anew.

An application that a test has done with is lent to the next that asks for the same routes under the
same options. What differs from test to test, the values that handlers are given, the state and the
lifespan, is exchanged; the framework itself keeps nothing of a request.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from litestar import Litestar
from litestar.di import Provide

from keysat_http.app import routed

KEPT_MAX: Final = 12
"""Applications kept at once: the shops of a file differ in little but their public address."""

_EXCHANGED: Final = ("dependencies", "lifespan", "state")
_DOCUMENT: Final = "openapi_config"
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")


class _Kept:
    """An application with what it was made of, which also keeps the addresses in ``key`` its own."""

    def __init__(self, key: str, handlers: list[Any], options: dict[str, Any]) -> None:
        self.key = key
        self.handlers = handlers
        self.options = options
        self.provided: dict[str, Provide] = dict(options["dependencies"])
        self.litestar = routed(handlers, **options)

    def exchange(self, options: dict[str, Any]) -> None:
        for name, given in options["dependencies"].items():
            self.provided[name].dependency = given.dependency
        self.litestar.state = options["state"]
        self.litestar._lifespan_managers = list(options["lifespan"])


class KeptLitestars:
    """What one test may borrow; call it in place of ``routed``."""

    def __init__(self) -> None:
        self._lent: list[_Kept] = []

    def __call__(self, handlers: list[Any], **options: Any) -> Litestar:
        key = _key_of(handlers, options)
        for kept in _free:
            if kept.key == key:
                _free.remove(kept)
                kept.exchange(options)
                break
        else:
            kept = _Kept(key, handlers, options)
        self._lent.append(kept)
        return kept.litestar

    def give_back(self) -> None:
        _free.extend(self._lent)
        self._lent.clear()
        del _free[:-KEPT_MAX]


_free: Final[list[_Kept]] = []


@contextmanager
def kept_litestars() -> Iterator[KeptLitestars]:
    """Lend until the end; after a failure nothing is kept."""
    lender = KeptLitestars()
    yield lender
    lender.give_back()


def _key_of(handlers: list[Any], options: dict[str, Any]) -> str:
    same = {name: option for name, option in options.items() if name not in _EXCHANGED}
    # It is made anew for every application, of parts that tell their contents.
    document = _ADDRESS.sub("", repr(same.pop(_DOCUMENT, None)))
    shapes = {
        name: (type(given.dependency), given.has_sync_callable, given.sync_to_thread)
        for name, given in options["dependencies"].items()
    }
    return repr(([id(handler) for handler in handlers], same, document, shapes))
