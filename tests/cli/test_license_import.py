"""Tables of licenses in, exports out."""

import stat
from pathlib import Path

import msgspec
import pytest

from tests.support.program import Program, shop_with_a_tier


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def test_a_file_is_imported_with_a_private_report(program: Program, tmp_path: Path) -> None:
    table = tmp_path / "licenses.csv"
    table.write_text(
        "\ufeffproduct_slug,buyer_email,quantity\nwidget,a@example.org,2\nwidget,b@example.org,\n"
    )
    dry = program.run("license", "import", str(table), "--dry-run")
    assert (dry.exit_code, dry.stdout.strip()) == (0, "")
    assert "2 of 2 rows" in dry.stderr
    report = tmp_path / "report.json"
    done = program.run("license", "import", str(table), "--report", str(report))
    assert (done.exit_code, done.stdout.strip()) == (0, str(report))
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    written = msgspec.json.decode(report.read_bytes())
    keys = [one["license_key"] for row in written["rows"] for one in row["licenses"]]
    assert len(keys) == 3
    assert not any(key in done.output for key in keys)
    table.write_text("product_slug\nnone\n")
    wrong = program.run("license", "import", str(table))
    assert wrong.exit_code == 4
    assert "Row 2: " in wrong.stderr
    assert len(program.json("license", "list")["licenses"]) == 3
    out = tmp_path / "all.csv"
    made = program.json(
        "export", "licenses", "--output", str(out), "--buyer-email", "A@example.org"
    )
    assert (made["expected"], made["format"]) == (2, "csv")
    assert out.read_text().count("\n") == 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []
    lines = program.run("export", "audit", "-o", "-", "--format", "jsonl").stdout
    first = msgspec.json.decode(lines.splitlines()[0])
    assert first["action"] == "license.issue_manual"
    assert program.run("export", "invoices", "-o", "-").stdout.startswith("id,")
    missing = program.run("export", "audit", "-o", str(tmp_path / "no" / "where"))
    assert missing.exit_code == 2
