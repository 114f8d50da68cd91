"""The options that describe a merchant profile, shared by creating and changing one."""

from collections.abc import Callable
from typing import Any, Final, TextIO, TypeVar

import click

from keysat_core.domain.secret import Secret
from keysat_core.limits import MAIL_PASSWORD_CHARS_MAX

_C = TypeVar("_C", bound=Callable[..., Any])


def _read_password(
    context: click.Context, _: click.Parameter, file: TextIO | None
) -> Secret | None:
    """Take a password out of its file, without the end of its line."""
    if file is None or context.resilient_parsing:
        return None
    line_end = "\r\n"
    text = file.read(MAIL_PASSWORD_CHARS_MAX + len(line_end) + 1)
    return Secret(text.removesuffix("\n").removesuffix("\r"))


IDENTITY: Final = (
    click.option("--legal-name", metavar="TEXT", help="Who sells, on receipts."),
    click.option("--support-url", metavar="URL", help="Where buyers find help."),
    click.option("--support-email", metavar="ADDRESS", help="Where buyers write to."),
    click.option("--brand-color", metavar="#RRGGBB", help="The color of the pages for buyers."),
    click.option(
        "--post-purchase-redirect-url",
        metavar="URL",
        help="Where buyers go after paying; {invoice_id} stands for the invoice.",
    ),
)
MAIL: Final = (
    click.option("--smtp-host", metavar="HOST", help="For other programs: Keysat sends no mail."),
    click.option("--smtp-port", type=int, metavar="N", help="For other programs, too."),
    click.option("--smtp-username", metavar="TEXT", help="For other programs, too."),
    click.option(
        "--smtp-password-file",
        "smtp_password",
        type=click.File(),
        callback=_read_password,
        help="Read the password from a file, or from stdin with -.",
    ),
    click.option("--smtp-from-address", metavar="ADDRESS", help="For other programs, too."),
    click.option("--smtp-from-name", metavar="TEXT", help="For other programs, too."),
    click.option(
        "--smtp-starttls/--no-smtp-starttls",
        "smtp_use_starttls",
        default=None,
        help="For other programs, too.",
    ),
)
"""Options named like the fields they set; what is not given is left alone."""


def identity_options(command: _C) -> _C:
    """Add the options that say whose profile it is."""
    for option in reversed(IDENTITY):
        command = option(command)
    return command


def mail_options(command: _C) -> _C:
    """Add the options that say how mail would be sent."""
    for option in reversed(MAIL):
        command = option(command)
    return command
