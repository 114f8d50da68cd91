"""The use cases about who may sign in, for ``test_every_command``."""

from typing import Final

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.secret import Secret
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.use_cases.access import create_key, list_keys, revoke_key, set_password
from tests.support.builders import make_api_key
from tests.support.commands import Command, ports
from tests.support.plain_passwords import PlainPasswords
from tests.support.trade import Trade


def key_id(trade: Trade) -> ApiKeyId:
    key = make_api_key()
    with trade.store.writing() as tx:
        tx.api_keys.put_key(key)
    return key.id


ACCESS_COMMANDS: Final = [
    Command(
        create_key.create_key,
        Scope.MASTER,
        lambda t: (
            [create_key.CreateKey(label="CI", role="support")],
            ports(t) | {"entropy": SeededEntropy()},
        ),
    ),
    Command(revoke_key.revoke_key, Scope.MASTER, lambda t: ([key_id(t)], ports(t))),
    Command(
        set_password.set_password,
        Scope.MASTER,
        lambda t: (
            [Secret("correct horse battery")],
            ports(t) | {"passwords": PlainPasswords()},
        ),
    ),
    Command(set_password.clear_password, Scope.MASTER, lambda t: ([], ports(t))),
]

ACCESS_READS: Final = [Command(list_keys.list_keys, Scope.MASTER, lambda _: ([], {}))]
