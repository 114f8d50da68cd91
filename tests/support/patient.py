"""A database for the doctor to look at, and breaking it as no command does."""

import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec

from tests.support.program import Program, shop_with_a_tier


def healthy(folder: Path) -> Program:
    """Make a database with a license, backed up just now."""
    program = shop_with_a_tier(folder)
    program.text("license", "issue", "widget/pro")
    backup = folder / "backup.db"
    shutil.copy(program.db_path, backup)
    backup.chmod(0o600)
    change(
        program,
        "INSERT INTO settings VALUES ('backup.last_at', :at, 0), ('backup.last_path', :path, 0)",
        at=str(int(time.time())),
        path=str(backup),
    )
    return program


def change(program: Program, *statements: str, **values: object) -> None:
    """Do to the database what no command does."""
    with closing(apsw.Connection(str(program.db_path))) as connection:
        for statement in statements:
            connection.execute(statement, values).fetchall()


def examine(program: Program, *words: str) -> Any:
    result = program.run("doctor", "--json", *words)
    document = msgspec.json.decode(result.stdout)
    assert document["exit_code"] == result.exit_code, result.output
    return document


def unwell(document: Any) -> dict[str, str]:
    return {
        check["name"]: check["health"]
        for check in document["checks"]
        if check["health"] not in {"ok", "skipped"}
    }
