"""The caller's own key, and the server's version and health."""

from typing import Any

from tests.simulators.btcpay.invoice_orders import enabled_methods
from tests.simulators.btcpay.problems import unauthenticated
from tests.simulators.btcpay.routing import Route, Visit
from tests.simulators.exchange import Response, json_response

BLOCKS = 102


def _wire(visit: Visit) -> dict[str, Any]:
    key = visit.key
    if key is None:
        raise unauthenticated()
    return {"apiKey": key.text, "label": key.label, "permissions": list(key.permissions)}


def get_current_key(visit: Visit) -> Response:
    return json_response(200, _wire(visit))


def revoke_current_key(visit: Visit) -> Response:
    """Revoke the key that asks; asking again answers 401, for it no longer says who asks."""
    wire = _wire(visit)
    del visit.world.keys[wire["apiKey"]]
    return json_response(200, wire)


def _is_synced(visit: Visit) -> bool:
    return all(store.is_node_synced for store in visit.world.stores.values())


def get_server_info(visit: Visit) -> Response:
    traits = visit.world.traits
    stores = visit.world.stores.values()
    methods = sorted({name for store in stores for name in enabled_methods(traits, store)})
    is_synced = _is_synced(visit)
    name = "paymentMethod" if traits.methods_are_keyed else "paymentMethodId"
    blocks = BLOCKS if is_synced else BLOCKS // 2
    node = {"headers": BLOCKS, "blocks": blocks, "verificationProgress": blocks / BLOCKS}
    sync = {
        name: traits.on_chain,
        "chainHeight": BLOCKS,
        "syncHeight": blocks,
        "nodeInformation": node,
        "available": is_synced,
    }
    return json_response(
        200,
        {
            "version": traits.version,
            "onion": "",
            "supportedPaymentMethods": methods,
            "fullySynched": is_synced,
            "syncStatus": [sync],
        },
    )


def get_health(visit: Visit) -> Response:
    return json_response(200, {"synchronized": _is_synced(visit)})


KEY = "/api/v1/api-keys/current"
ROUTES = [
    Route(operation="get_current_key", method="GET", path=KEY, handler=get_current_key),
    Route(operation="revoke_current_key", method="DELETE", path=KEY, handler=revoke_current_key),
    Route(
        operation="get_server_info",
        method="GET",
        path="/api/v1/server/info",
        handler=get_server_info,
    ),
    Route(
        operation="get_health",
        method="GET",
        path="/api/v1/health",
        handler=get_health,
        is_open=True,
    ),
]
