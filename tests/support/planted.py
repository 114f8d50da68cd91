"""Texts that would come alive on a page that does not escape them."""

from typing import Final

MARK: Final = "qzx"
MARKUP: Final = (
    f"""{MARK}"'><img src=x onerror=planted=1><script>planted=2</script>{{{{98765*43210}}}}"""
)
LONG: Final = (
    MARKUP
    + """</title></textarea></select></script></dialog><style>*{display:none}</style>"""
    + """<svg/onload=planted=3><a href=javascript:planted=4 onclick='planted=5'>{% raw %}&lt;b>"""
    + """ autofocus onfocus=planted=6 style=color:red x='"""
)
UNSEEN: Final = "\u202e\u2066\u200b\u0007\u0085\u2028"
"""What turns text round, and what is not there for the eye: control, bidi, invisible."""
ADDRESS: Final = f"https://{MARK}.example/\"'><img/src=x/onerror=planted=7>"
SCRIPT_ADDRESS: Final = f"javascript:planted=8//{MARK}"
MAILBOX: Final = f"{MARK}'<img/onerror=planted>@example.com"


def planted(text: str) -> list[str]:
    """Give what is put where a text would be, the worst first, in the end the text itself.

    The text stays at the beginning, so that lists have the order they have without.
    """
    if text.startswith("https://"):
        return [SCRIPT_ADDRESS, ADDRESS, f"https://{MARK}.example/?%22%3E<b>", text]
    if "@" in text:
        return [MAILBOX, f"{MARK}+'\"@example.com", f"{MARK}@example.com", text]
    return [
        text + UNSEEN + LONG + UNSEEN,
        text + UNSEEN + MARKUP,
        text + MARKUP,
        f"{MARK}<b>\"'{{{{98765*43210}}}}",
        text,
    ]
