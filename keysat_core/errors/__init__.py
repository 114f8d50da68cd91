"""Every expected failure of the core, one leaf each.

A leaf carries a stable snake_case ``code`` and typed fields; its message is built here and never
holds a secret. How a leaf looks on the wire is the shells' business (``keysat_http.errors``).
Import failures from here: which file holds one may change.
"""

from keysat_core.errors.access import CrossSiteRequest, CsrfTokenInvalid, WebPasswordUnset
from keysat_core.errors.license import RecoveryRefused, TierChangeRefused
from keysat_core.errors.license_key import (
    BadKeyFormat,
    BadKeySignature,
    BadPEM,
    FingerprintMismatch,
    KeyExpired,
    LicenseKeyError,
)
from keysat_core.errors.provider import (
    AlreadyConnected,
    ConnectStateInvalid,
    NotAuthentic,
    NotConfigured,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    RateUnavailable,
    RecipientFailed,
    UpstreamError,
)
from keysat_core.errors.purchase import (
    CodeRefused,
    NoProvider,
    PolicyUnavailable,
    ProductInactive,
    PurchaseRefused,
    StillPayable,
)
from keysat_core.errors.request import (
    AnswerLost,
    Forbidden,
    IdempotencyKeyReused,
    IllegalTransition,
    NotFound,
    RateLimited,
    RequestInFlight,
    SlugTaken,
    StillReferenced,
    TierCapReached,
    Unauthorized,
)
from keysat_core.errors.root import (
    InvariantError,
    KeysatError,
)
from keysat_core.errors.server import (
    BackupUnsound,
    ConfigurationError,
    CorruptRow,
    DatabaseInUse,
    LicenseFileUnwritable,
    MigrationRefused,
    NotInstalled,
    PathTaken,
    ServerFault,
    SigningKeyUnusable,
    StoreBusy,
    StoreUnavailable,
)

__all__ = [
    "AlreadyConnected",
    "AnswerLost",
    "BackupUnsound",
    "BadKeyFormat",
    "BadKeySignature",
    "BadPEM",
    "CodeRefused",
    "ConfigurationError",
    "ConnectStateInvalid",
    "CorruptRow",
    "CrossSiteRequest",
    "CsrfTokenInvalid",
    "DatabaseInUse",
    "FingerprintMismatch",
    "Forbidden",
    "IdempotencyKeyReused",
    "IllegalTransition",
    "InvariantError",
    "KeyExpired",
    "KeysatError",
    "LicenseFileUnwritable",
    "LicenseKeyError",
    "MigrationRefused",
    "NoProvider",
    "NotAuthentic",
    "NotConfigured",
    "NotFound",
    "NotInstalled",
    "PathTaken",
    "PolicyUnavailable",
    "ProductInactive",
    "ProviderNotLoaded",
    "ProviderRefused",
    "ProviderUnavailable",
    "PurchaseRefused",
    "RateLimited",
    "RateUnavailable",
    "RecipientFailed",
    "RecoveryRefused",
    "RequestInFlight",
    "ServerFault",
    "SigningKeyUnusable",
    "SlugTaken",
    "StillPayable",
    "StillReferenced",
    "StoreBusy",
    "StoreUnavailable",
    "TierCapReached",
    "TierChangeRefused",
    "Unauthorized",
    "UpstreamError",
    "WebPasswordUnset",
]
