"""The SQLite store: connections, migrations, one module per aggregate."""
