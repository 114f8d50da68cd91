"""The double of a lightning-address host: pay metadata, and invoices that a node could pay.

Source: LUD-06 and LUD-16 for both steps; ``bolt11`` for the invoices.
"""

import hashlib
import json
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from keysat_core.domain.instant import Instant
from tests.simulators.call_faults import perform
from tests.simulators.exchange import (
    ConnectionCut,
    NeverAnswered,
    Request,
    Response,
    json_response,
)
from tests.simulators.fault_plan import CallAction, FaultPlan
from tests.simulators.journal import Call, Journal
from tests.simulators.lightning_address.bolt11 import (
    Invoice,
    bytes_field,
    number_field,
    write_invoice,
)
from tests.simulators.lightning_address.conduct import HONEST, Conduct
from tests.simulators.lightning_address.secp256k1 import public_key
from tests.simulators.virtual_clock import TimedClock

FEATURES: Final = 1 << 8 | 1 << 14
"""Variable-length onions and payment secrets, both required. Source: BOLT 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedInvoice:
    """An invoice the host gave out, with what only its node knows."""

    bolt11: str
    user: str
    amount_msat: int | None
    payment_hash: str
    preimage: str
    created_at: Instant


class FakeLightningAddressHost:
    """Serves ``<user>@<domain>`` for users that were added, each with a conduct of its own.

    Operations, for the faults and the journal: ``read_metadata``, ``get_invoice`` and ``unknown``.

    Args:
        clock: Dates the invoices.
        seed: Draws the node's key and the payment hashes.
        domain: What stands after the @.
        base_url: Where the callback is; None is ``https://<domain>``.
    """

    def __init__(
        self,
        clock: TimedClock,
        seed: int = 0,
        *,
        domain: str = "tips.example",
        base_url: str | None = None,
        faults: FaultPlan | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.clock = clock
        self.domain = domain
        self.base_url = base_url or f"https://{domain}"
        self.faults = FaultPlan() if faults is None else faults
        self.journal = Journal() if journal is None else journal
        self.issued: list[IssuedInvoice] = []
        self._seed = seed
        self._key = int.from_bytes(self._secret("node"))
        self._conducts: dict[str, Conduct] = {}
        self._lock = Lock()

    @property
    def node_id(self) -> str:
        """The public key all invoices are signed by, in hex."""
        return public_key(self._key).hex()

    def add_user(self, user: str, conduct: Conduct = HONEST) -> str:
        """Let a user receive, or change how, and give the lightning address."""
        with self._lock:
            self._conducts[user] = conduct
        return f"{user}@{self.domain}"

    def metadata(self, user: str) -> str:
        """Give the text whose hash an honest invoice carries."""
        address = f"{user}@{self.domain}"
        pairs = [["text/plain", f"Sats for {address}"], ["text/identifier", address]]
        return json.dumps(pairs, separators=(",", ":"))

    def handle(self, request: Request, /) -> Response:
        """Answer one call.

        Raises:
            NeverAnswered: A fault says so.
            ConnectionCut: A fault says so.
        """
        operation, user = _operation(request)
        with self._lock:
            action = self.faults.for_call(operation)
            try:
                answer = perform(action, lambda: self._answer(operation, unquote(user), request))
            except (NeverAnswered, ConnectionCut):
                self._note(operation, request, None, action)
                raise
            self._note(operation, request, answer, action)
        return answer

    def _answer(self, operation: str, user: str, request: Request) -> Response:
        conduct = self._conducts.get(user)
        if conduct is None or operation == "unknown":
            return json_response(404, {"status": "ERROR", "reason": "Not found"})
        if operation == "read_metadata":
            return self._metadata_answer(user, conduct)
        return self._invoice_answer(user, conduct, request)

    def _metadata_answer(self, user: str, conduct: Conduct) -> Response:
        if conduct.metadata_redirect is not None:
            return Response(status=302, headers={"location": conduct.metadata_redirect})
        if conduct.metadata_error is not None:
            return _error(conduct.metadata_error)
        callback = conduct.callback or f"{self.base_url}/lnurlp/{user}/callback"
        answer: dict[str, Any] = {
            "callback": callback + (f"?{conduct.callback_query}" if conduct.callback_query else ""),
            "minSendable": conduct.least_msat,
            "maxSendable": conduct.most_msat,
            "metadata": self.metadata(user),
            "commentAllowed": 0,
        }
        if conduct.tag is not None:
            answer["tag"] = conduct.tag
        return json_response(200, answer)

    def _invoice_answer(self, user: str, conduct: Conduct, request: Request) -> Response:
        if conduct.callback_redirect is not None:
            return Response(status=302, headers={"location": conduct.callback_redirect})
        if conduct.callback_error is not None:
            return _error(conduct.callback_error)
        wanted = parse_qsl(conduct.callback_query, keep_blank_values=True)
        if any(pair not in request.query for pair in wanted):
            return _error("Unknown callback")
        amounts = request.values("amount")
        if len(amounts) != 1 or not amounts[0].isdecimal():
            return _error("Amount is missing or invalid")
        amount = int(amounts[0])
        if not conduct.least_msat <= amount <= conduct.most_msat:
            return _error("Amount is out of bounds")
        return json_response(200, {"pr": self._issue(user, conduct, amount).bolt11, "routes": []})

    def _issue(self, user: str, conduct: Conduct, asked_msat: int) -> IssuedInvoice:
        preimage = self._secret(f"preimage {len(self.issued)}")
        payment_hash = hashlib.sha256(preimage).digest()
        described = self.metadata(user) if conduct.described is None else conduct.described
        description = bytes_field("d", b"Sats")
        if conduct.has_description_hash:
            description = bytes_field("h", hashlib.sha256(described.encode()).digest())
        now = self.clock.now()
        asked_for = asked_msat * conduct.amount_factor + conduct.amount_added_msat
        invoice = Invoice(
            network=conduct.network,
            amount_msat=asked_for if conduct.has_amount else None,
            timestamp=now - conduct.age_seconds,
            fields=(
                bytes_field("s", self._secret(f"secret {len(self.issued)}")),
                bytes_field("p", payment_hash),
                description,
                number_field("x", conduct.expiry_seconds),
                number_field("c", 144),
                number_field("9", FEATURES),
            ),
        )
        issued = IssuedInvoice(
            bolt11=write_invoice(invoice, key=self._key),
            user=user,
            amount_msat=invoice.amount_msat,
            payment_hash=payment_hash.hex(),
            preimage=preimage.hex(),
            created_at=now,
        )
        self.issued.append(issued)
        return issued

    def _secret(self, name: str) -> bytes:
        return hashlib.sha256(f"{self._seed} {self.domain} {name}".encode()).digest()

    def _note(
        self, operation: str, request: Request, answer: Response | None, action: CallAction | None
    ) -> None:
        if self.journal.is_kept:
            fault = "" if action is None else type(action).__name__
            call = Call(
                at=self.clock.now(),
                operation=operation,
                request=request,
                answer=answer,
                fault=fault,
            )
            self.journal.add_call(call)


def _operation(request: Request) -> tuple[str, str]:
    """Name the operation of a request and the user it is about."""
    match (request.method, request.path.split("/")):
        case ("GET", ["", ".well-known", "lnurlp", user]):
            return "read_metadata", user
        case ("GET", ["", "lnurlp", user, "callback"]):
            return "get_invoice", user
        case _:
            return "unknown", ""


def _error(reason: str) -> Response:
    """Refuse as LUD-06 says: with a 200."""
    return json_response(200, {"status": "ERROR", "reason": reason})
