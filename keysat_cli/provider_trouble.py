"""Warning a person of a payment provider whose webhooks do not arrive."""

from msgspec import UnsetType

from keysat_cli.output import note
from keysat_http.views.provider_trouble import WebhookTroubleView


def warn_of_trouble(trouble: WebhookTroubleView | UnsetType | None) -> None:
    """Say on stderr what is wrong and what to do; nothing when nothing is."""
    if not isinstance(trouble, WebhookTroubleView):
        return
    seen = f": {trouble.detail}" if trouble.detail else ""
    note(
        f"Warning: its webhooks do not arrive ({trouble.problem.replace('_', ' ')} since"
        f" {trouble.since}{seen}); {trouble.remedy}"
    )
