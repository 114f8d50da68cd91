"""The calls of the Zaprite API. Charging is in ``charging``, the buyer's pages in ``checkout``.

Source: Zaprite API, Orders, Contacts, Webhooks. What ``POST /v1/webhooks`` takes beside ``url`` and
answers, and every limit of a page, is assumed.
"""

from functools import partial
from typing import Any, Final

from tests.simulators.exchange import Request, Response, json_response
from tests.simulators.fault_plan import StaleRead
from tests.simulators.zaprite.books import Books
from tests.simulators.zaprite.call_input import Input, is_email
from tests.simulators.zaprite.contact import Contact
from tests.simulators.zaprite.objects import contact_object, instant_text
from tests.simulators.zaprite.order import Order, Status
from tests.simulators.zaprite.organization import Organization
from tests.simulators.zaprite.refusal import Refusal, invalid
from tests.simulators.zaprite.webhook_body import ORDER_CHANGE

PAGE_LENGTH: Final = 25
PAGE_LENGTH_MAX: Final = 100


def create_order(books: Books, organization: Organization, request: Request) -> Response:
    """Answer ``POST /v1/orders``."""
    given = Input(request)
    now = books.clock.now()
    order_id = books.ids.order()
    order = Order(
        id=order_id,
        org_id=organization.id,
        total_amount=given.whole_number("amount", least=1) or 0,
        currency=given.currency("currency"),
        checkout_url=f"{books.checkout_base_url or request.base_url}/order/{order_id}",
        created_at=now,
        external_uniq_id=given.text("externalUniqId"),
        redirect_url=given.url("redirectUrl"),
        label=given.text("label"),
        expires_at=given.instant("expiresAt"),
        metadata=given.metadata("metadata"),
        customer=given.customer("customerData"),
        contact_id=given.text("contactId"),
        may_save_profile=given.flag("allowSavePaymentProfile"),
        custom_checkout_id=given.text("customCheckoutId"),
    )
    for name in ("redirectIfPending", "sendReceiptToCustomer", "disablePaymentNotifs"):
        given.flag(name)
    given.texts("tags")
    given.check()
    _check_relations(order, organization, now)
    organization.add_order(order)
    if order.expires_at is not None:
        books.clock.call_at(order.expires_at, partial(_expire, books, order))
    return json_response(200, books.shown(order))


def get_order(
    books: Books, organization: Organization, key: str, stale: StaleRead | None = None
) -> Response:
    """Answer ``GET /v1/orders/{id}``, by Zaprite's id or the merchant's."""
    order = organization.find_order(key)
    if order is None:
        raise Refusal(404, "Order not found")
    books.expire(order)
    return json_response(200, books.shown(order, stale))


def list_orders(
    books: Books, organization: Organization, request: Request, stale: StaleRead | None = None
) -> Response:
    """Answer ``GET /v1/orders``: newest first unless asked otherwise, PENDING only on request."""
    page, limit = _page(request)
    statuses = {*request.values("status"), *request.values("status[]")}
    shows_pending = request.value("includePending") == "true"
    search = request.value("search").lower()
    found = []
    now = books.clock.now()
    for order in organization.orders.values():
        if order.expires_at is not None and order.expires_at <= now:
            books.expire(order)
        if order.status == Status.PENDING and not shows_pending:
            continue
        if (not statuses or order.status in statuses) and (not search or _has(order, search)):
            found.append(order)
    if request.value("sortOrder", "desc") != "asc":
        found.reverse()
    shown = found[(page - 1) * limit : page * limit]
    items = [books.shown(order, stale) for order in shown]
    meta = {"pagesCount": -(-len(found) // limit), "itemsCount": len(found)}
    return json_response(200, {"items": items, "meta": meta})


def create_contact(books: Books, organization: Organization, request: Request) -> Response:
    """Answer ``POST /v1/contacts``."""
    given = Input(request)
    legal_name = given.text("legalName", is_required=True)
    email = given.text("email")
    if email is not None and not is_email(email):
        given.issues.append("email: Invalid email")
    display_name = given.text("displayName")
    given.check()
    contact = Contact(
        id=books.ids.cuid(),
        org_id=organization.id,
        legal_name=legal_name or "",
        display_name=display_name,
        email=email,
        created_at=books.clock.now(),
    )
    organization.contacts[contact.id] = contact
    return json_response(200, contact_object(contact, books.clock.now()))


def list_contacts(books: Books, organization: Organization, request: Request) -> Response:
    """Answer ``GET /v1/contacts``, newest first."""
    page, limit = _page(request)
    contacts = list(reversed(organization.contacts.values()))
    now = books.clock.now()
    items = [contact_object(c, now) for c in contacts[(page - 1) * limit : page * limit]]
    meta = {"pagesCount": -(-len(contacts) // limit), "itemsCount": len(contacts)}
    return json_response(200, {"items": items, "meta": meta})


def get_contact(books: Books, organization: Organization, contact_id: str) -> Response:
    """Answer ``GET /v1/contacts/{id}``."""
    contact = organization.contacts.get(contact_id)
    if contact is None:
        raise Refusal(404, "Contact not found")
    return json_response(200, contact_object(contact, books.clock.now()))


def create_webhook(books: Books, organization: Organization, request: Request) -> Response:
    """Answer ``POST /v1/webhooks``: an id and no secret, for nothing is ever signed."""
    if organization.registration_refusal is not None:
        raise Refusal(organization.registration_refusal, "Webhooks cannot be created by this key")
    given = Input(request)
    url = given.url("url", is_required=True) or ""
    given.check()
    webhook_id = books.ids.cuid()
    organization.webhooks[webhook_id] = url
    answer: dict[str, Any] = {
        "id": webhook_id,
        "orgId": organization.id,
        "url": url,
        "eventTypes": [ORDER_CHANGE],
        "createdAt": instant_text(books.clock.now()),
    }
    return json_response(200, answer)


def _check_relations(order: Order, organization: Organization, now: int) -> None:
    if order.may_save_profile and order.contact_id is None:
        message = "contactId is required when allowSavePaymentProfile is true"
        raise Refusal(400, message, [message])
    if order.contact_id is not None and order.contact_id not in organization.contacts:
        raise Refusal(400, "Contact not found", ["contactId: Contact not found"])
    if order.expires_at is not None and order.expires_at <= now:
        raise invalid(["expiresAt: Must be in the future"])


def _expire(books: Books, order: Order) -> None:
    with books.lock:
        books.expire(order)


def _page(request: Request) -> tuple[int, int]:
    issues = []
    numbers = []
    for name, default, most in (("page", 1, 10**6), ("limit", PAGE_LENGTH, PAGE_LENGTH_MAX)):
        text = request.value(name, str(default))
        if not text.isdecimal() or not 1 <= int(text) <= most:
            issues.append(f"{name}: Expected a number from 1 to {most}, received {text!r}")
        else:
            numbers.append(int(text))
    if issues:
        raise invalid(issues)
    return numbers[0], numbers[1]


def _has(order: Order, search: str) -> bool:
    texts = (order.id, order.external_uniq_id, order.label, order.customer.get("email"))
    return any(text is not None and search in text.lower() for text in texts)
