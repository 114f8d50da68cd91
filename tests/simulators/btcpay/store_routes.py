"""Stores, their payment methods, and the receive address of their wallet."""

from typing import Any

from tests.simulators.btcpay.accounts import MODIFY_SETTINGS, VIEW_SETTINGS
from tests.simulators.btcpay.invoice_machine import btc
from tests.simulators.btcpay.invoice_orders import enabled_methods, method_id
from tests.simulators.btcpay.modes import Traits
from tests.simulators.btcpay.problems import method_not_found, missing_permission, problem
from tests.simulators.btcpay.routing import Handler, Route, Visit
from tests.simulators.btcpay.stores import Store
from tests.simulators.exchange import Response, json_response


def _wire(store: Store) -> dict[str, Any]:
    return {
        "id": store.id,
        "name": store.name,
        "website": None,
        "defaultCurrency": "USD",
        "invoiceExpiration": store.expiry_seconds,
        "monitoringExpiration": store.monitoring_seconds,
        "speedPolicy": store.speed_policy,
        "paymentTolerance": float(store.tolerance_percent),
        "anyoneCanCreateInvoice": False,
        "lightningAmountInSatoshi": False,
        "redirectAutomatically": False,
    }


def list_stores(visit: Visit) -> Response:
    """List the stores within the key's scope, in no order that means anything."""
    key, world = visit.key, visit.world
    assert key is not None
    if not key.may_somewhere(VIEW_SETTINGS):
        raise missing_permission(VIEW_SETTINGS)
    found = [world.stores[store_id] for store_id in key.user.store_ids]
    return json_response(200, [_wire(store) for store in found if key.may(VIEW_SETTINGS, store.id)])


def get_store(visit: Visit) -> Response:
    return json_response(200, _wire(visit.world.stores[visit.store_id]))


def list_payment_methods(visit: Visit) -> Response:
    """List what is set up; 1.x answers an object keyed by id."""
    world, request = visit.world, visit.request
    with_config = request.value("includeConfig").lower() == "true"
    if with_config and (visit.key is None or not visit.key.may(MODIFY_SETTINGS, visit.store_id)):
        raise missing_permission(MODIFY_SETTINGS)
    store = world.stores[visit.store_id]
    methods = enabled_methods(world.traits, store)
    if world.traits.methods_are_keyed:
        return json_response(200, {name: {"enabled": True, "data": {}} for name in methods})
    wires: list[dict[str, Any]] = [
        {"enabled": True, "paymentMethodId": name, "config": _config(world.traits, name)}
        if with_config
        else {"enabled": True, "paymentMethodId": name}
        for name in methods
    ]
    return json_response(200, wires)


def _config(traits: Traits, name: str) -> dict[str, Any]:
    if name == traits.on_chain:
        scheme = "tpubD6NzVbkrYhZ4XHndKkuB8FifXm8r5FQHwrN6oZuWCz13qb93rtgKvD4PQsqC4HP4yhV3tA2fqr2RbY5mNXfM7RxXUoeABoDtsFUq2zJq6YK"
        return {"accountDerivation": scheme, "label": None}
    return {"connectionString": "Internal Node"}


def get_receive_address(visit: Visit) -> Response:
    """Show an unused address: the same one until it is used or a new one is forced."""
    world = visit.world
    store = world.stores[visit.store_id]
    name = method_id(world.traits, visit.names["paymentMethodId"])
    if name != world.traits.on_chain:
        raise method_not_found()
    if not store.has_wallet or not store.is_node_synced:
        raise problem(503, "not-available", "BTC services are not currently available")
    force = visit.request.value("forceGenerate").lower() == "true"
    if force or not store.receive_address:
        store.receive_address = world.ids.address(store.network)
    return json_response(
        200,
        {
            "address": store.receive_address,
            "keyPath": "0/0",
            "paymentLink": f"bitcoin:{store.receive_address}?amount={btc(0)}",
        },
    )


def routes(traits: Traits) -> list[Route]:
    """List the routes of a version."""
    store = "/api/v1/stores/{storeId}"
    address = store + "/payment-methods/{paymentMethodId}/wallet/address"
    if traits.methods_are_keyed:
        address = store + "/payment-methods/onchain/{paymentMethodId}/wallet/address"
    table: list[tuple[str, Handler, str]] = [
        ("/api/v1/stores", list_stores, ""),
        (store, get_store, VIEW_SETTINGS),
        (store + "/payment-methods", list_payment_methods, VIEW_SETTINGS),
        (address, get_receive_address, traits.wallet_permission),
    ]
    return [
        Route(
            operation=handler.__name__,
            method="GET",
            path=path,
            handler=handler,
            permission=permission,
        )
        for path, handler, permission in table
    ]
