"""The ``keysat`` program. What a command needs is loaded when the command is used."""

from collections.abc import Mapping
from typing import Final

import click

from keysat_cli.groups import RootGroup
from keysat_cli.version import package_version

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("keysat_cli.commands.serve", "Run the server."),
    "demo": (
        "keysat_cli.commands.demo.command",
        "Sell a license on this machine with pretend money.",
    ),
    "product": ("keysat_cli.commands.product", "Manage what is sold."),
    "profile": (
        "keysat_cli.commands.profile",
        "Manage merchant profiles and who collects for them.",
    ),
    "policy": ("keysat_cli.commands.policy", "Manage the tiers of a product."),
    "code": ("keysat_cli.commands.code", "Manage discount codes."),
    "license": ("keysat_cli.commands.license", "Issue, find, suspend and revoke licenses."),
    "invoice": (
        "keysat_cli.commands.invoice",
        "See invoices, and settle those whose payment went wrong.",
    ),
    "subscription": ("keysat_cli.commands.subscription", "See and cancel subscriptions."),
    "machine": ("keysat_cli.commands.machine", "See and free the seats of licenses."),
    "audit": (
        "keysat_cli.commands.audit",
        "Read the audit log, and verify that nobody changed it.",
    ),
    "btcpay": ("keysat_cli.commands.btcpay", "Connect a BTCPay Server, which takes the payments."),
    "session": (
        "keysat_cli.commands.web_session",
        "See who is signed in to the admin pages, and sign them out.",
    ),
    "api-key": ("keysat_cli.commands.api_key", "Manage the keys of scripts and helpers."),
    "password": ("keysat_cli.commands.password", "Set the password of the admin pages."),
    "tier": ("keysat_cli.commands.tier", "Put licenses on other tiers."),
    "key": (
        "keysat_cli.commands.key",
        "Verify and inspect license keys, and the key that signs them.",
    ),
    "self-license": (
        "keysat_cli.commands.self_license",
        "See and exchange the license this server runs on.",
    ),
    "tip": ("keysat_cli.commands.tip", "See what sales sent to lightning addresses, and limit it."),
    "rates": ("keysat_cli.commands.rates", "See, refresh and pin exchange rates."),
    "zaprite": (
        "keysat_cli.commands.zaprite",
        "Connect Zaprite, and charge the cards its payers saved.",
    ),
    "webhook": (
        "keysat_cli.commands.webhook",
        "Manage who is told of events, and send events again.",
    ),
    "delivery": (
        "keysat_cli.commands.delivery",
        "See what became of deliveries, and send one again.",
    ),
    "listen": (
        "keysat_cli.commands.listen",
        "Print events as they happen; with --json each is a line.",
    ),
    "settings": (
        "keysat_cli.commands.settings",
        "See and change what is set while the server runs; the rest is in the environment.",
    ),
    "analytics": (
        "keysat_cli.commands.analytics",
        "See and choose what this server says of itself.",
    ),
    "figures": (
        "keysat_cli.commands.figures",
        "Show revenue, licenses, validations and subscriptions of the last days.",
    ),
    "health": (
        "keysat_cli.commands.health",
        "Tell how the server is: the doctor's quick checks, backups, files, rates, jobs, deliveries.",
    ),
    "search": (
        "keysat_cli.commands.search",
        "Find licenses, buyers, invoices, machines, codes, products, policies and endpoints.",
    ),
    "db-info": (
        "keysat_cli.commands.db_info",
        "Tell where the database is, how large it is, and how many rows it has.",
    ),
    "migrate": ("keysat_cli.commands.migrate", "Bring the database to this version."),
    "worker": ("keysat_cli.commands.worker", "Run the background jobs without serving."),
    "reconcile": (
        "keysat_cli.commands.reconcile",
        "Ask the payment providers about every invoice that is due, now.",
    ),
    "doctor": ("keysat_cli.commands.doctor", "Look for what is wrong and say what to do."),
    "export": (
        "keysat_cli.commands.export",
        "Write licenses, invoices, the audit log or discount codes to a file.",
    ),
    "import": (
        "keysat_cli.commands.import_",
        "Move in from a database of the earlier server, which must be at its version 25.",
    ),
    "backup": (
        "keysat_cli.commands.backup",
        "Copy the database to a verified backup while the server works.",
    ),
    "backups": (
        "keysat_cli.commands.backups",
        "List the backups there are, with their age and size, and whether they were verified.",
    ),
    "verify": (
        "keysat_cli.commands.verify",
        "Check a database or a backup; exit code 9 if something is wrong.",
    ),
    "restore": (
        "keysat_cli.commands.restore",
        "Put a backup in the place of the database; the server must not run.",
    ),
    "login": (
        "keysat_cli.remote.login",
        "Keep a server's address and API key, for --profile NAME; --url says which server.",
    ),
    "logout": ("keysat_cli.remote.login", "Forget a server's address and key."),
    "logins": ("keysat_cli.remote.login", "List the servers that are kept, never their keys."),
    "schema": ("keysat_cli.commands.schema", "Write or check the files under schema/."),
    "completion": ("keysat_cli.commands.completion", "Print a completion script for a shell."),
}
"""Where a command is, and what it does: its first line of help, as a test checks."""


def _show_version(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value and not context.resilient_parsing:
        click.echo(f"keysat {package_version()}")
        context.exit()


@click.group(
    "keysat",
    cls=RootGroup,
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Keysat: sell software for bitcoin and sign license keys that verify offline.

    Settings come from the environment and from .env in the working directory; most commands need
    only KEYSAT_DB_PATH. Commands work while the server runs. With --url or --profile, or with
    KEYSAT_URL or KEYSAT_PROFILE set, they are carried out by that server instead.
    """


def main() -> None:
    """Run the program."""
    cli()
