"""Settings of the server, its own license, and its signing key. Source: admin-api 7, Settings."""

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.money import FIAT
from keysat_core.use_cases.merchants.list_profiles import list_profiles
from keysat_core.use_cases.server.operator_name import show_operator_name
from keysat_core.use_cases.server.rates import list_rates
from keysat_core.use_cases.server.retention import show_retention
from keysat_core.use_cases.server.settings import find_tips_cap, show_late_payments
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.profiles import health_of
from keysat_http.pages.admin.screens import screen


@screen("/admin/settings", needs=Scope.SETTINGS_READ)
def show_settings(frame: NamedDependency[Frame]) -> Response[str]:
    """Show what can be set while the server runs."""
    ports, actor = frame.ports, frame.actor
    profiles = list_profiles(actor, store=ports.store)
    return frame.page(
        "admin/settings.html",
        stored_name=show_operator_name(actor, store=ports.store),
        configured_name=frame.settings.operator_name,
        default=next((one for one in profiles if one.profile.is_default), None),
        health=health_of(frame),
        is_late_accepted=show_late_payments(actor, store=ports.store),
        retention=show_retention(actor, store=ports.store),
        tips_cap=find_tips_cap(actor, store=ports.store),
        rates={one.rate.currency: one for one in list_rates(actor, rates=ports.rates)},
        currencies=list(FIAT),
        own_license_id=ports.self_license.license_id,
        public_key=ports.keys.signing_key().verify_key.to_pem(),
    )
