"""A shop of before sessions of keys: whoever was signed in still is, and keys can sign in."""

from contextlib import closing
from pathlib import Path

from keysat_adapters.sqlite.connection import create_file, open_writer
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.web_session import SignInMeans
from tests.support.builders import make_web_session

OURS = next(one for one in packaged_migrations() if one.name == "session_keys")

OLD_SHOP = """
INSERT INTO api_keys VALUES ('k', 'Anna', 'h', 'support', '[]', 10, NULL, NULL);
INSERT INTO sessions VALUES ('s', 20, 30, 25, '203.0.113.9', 'Firefox');
"""


def test_sessions_of_the_password_stay_open_and_keys_open_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    create_file(path)
    with closing(open_writer(path)) as connection:
        migrate(connection, packaged_migrations()[: OURS.version - 1])
        connection.execute(OLD_SHOP).fetchall()
    with SQLiteStore.open(path, migrate=True) as store:
        with store.reading() as tx:
            session = tx.web_sessions.find_session("s")
        assert session is not None
        assert (session.expires_at, session.ip, session.user_agent) == (
            30,
            "203.0.113.9",
            "Firefox",
        )
        assert session.means is SignInMeans.PASSWORD
        opened = make_web_session(api_key_id=ApiKeyId("k"))
        with store.writing() as tx:
            tx.web_sessions.put_session(opened)
            assert tx.web_sessions.find_session(opened.token_hash) == opened
