"""The use cases about who may sign in, for ``test_every_command``."""

from hashlib import sha256
from typing import Final

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.secret import Secret
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.use_cases.access import (
    create_key,
    end_sessions,
    list_keys,
    list_sessions,
    revoke_key,
    set_password,
)
from tests.support.builders import make_api_key, make_web_session
from tests.support.commands import Command, ports
from tests.support.plain_passwords import PlainPasswords
from tests.support.trade import Trade


def key_id(trade: Trade) -> ApiKeyId:
    key = make_api_key()
    with trade.store.writing() as tx:
        tx.api_keys.put_key(key)
    return key.id


def session_name(trade: Trade, others: int = 0) -> str:
    sessions = [
        make_web_session(token_hash=sha256(bytes([number])).hexdigest())
        for number in range(1 + others)
    ]
    with trade.store.writing() as tx:
        for session in sessions:
            tx.web_sessions.put_session(session)
    return sessions[0].name


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
    Command(
        end_sessions.end_session,
        Scope.MASTER,
        lambda t: ([session_name(t)], {"clock": t.clock}),
        events=0,
    ),
    Command(
        end_sessions.end_other_sessions,
        Scope.MASTER,
        lambda t: ([session_name(t, others=2)], {"clock": t.clock}),
        audits=2,
        events=0,
    ),
    Command(set_password.clear_password, Scope.MASTER, lambda t: ([], ports(t))),
]

ACCESS_READS: Final = [
    Command(list_keys.list_keys, Scope.MASTER, lambda _: ([], {})),
    Command(
        list_sessions.list_sessions,
        Scope.MASTER,
        lambda t: ([], {"clock": t.clock, "master_key_hash": "0" * 64}),
    ),
]
