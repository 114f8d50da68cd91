"""Who asks, in a test that has no credentials to read."""

from typing import Final

from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind

OPERATOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)
"""The seller, who may do everything."""

BUYER: Final = Actor(kind=ActorKind.BUYER)
"""A buyer, and software that was sold: no scope."""
