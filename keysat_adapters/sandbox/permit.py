"""The proof that pretend payments are wanted. Without it no part of the sandbox can be built."""

from typing import Final, final

from keysat_core.errors import ProviderNotLoaded

REMEDY: Final = (
    "set KEYSAT_SANDBOX_MODE=1 to try things out with pretend money; "
    "never on a server that sells for real money"
)


@final
class Permit:
    """Exists in sandbox mode only.

    Raises:
        ProviderNotLoaded: sandbox mode is off.
    """

    def __init__(self, *, is_sandbox_mode: bool) -> None:
        if is_sandbox_mode is not True:
            raise ProviderNotLoaded("sandbox", REMEDY)


def demand(permit: Permit) -> None:
    """Refuse whoever comes without a permit, whatever the type checker was told.

    Raises:
        ProviderNotLoaded: this is no permit.
    """
    if type(permit) is not Permit:
        raise ProviderNotLoaded("sandbox", REMEDY)
