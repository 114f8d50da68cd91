"""Every maximum of the core, with its reason. Nothing else in the core spells a limit as a number."""

# --- license keys (lifecycles 1.2) --------------------------------------------------------------

ENTITLEMENTS_MAX = 255
"""The wire format counts entitlements in one byte."""

ENTITLEMENT_BYTES_MAX = 255
"""The wire format gives each entitlement's length in one byte."""

PEM_CHARS_MAX = 10_000
"""Longest PEM text looked at; one of a private key has about 120 characters."""

KEY_CHARS_MAX = 131_072
"""Longest key text looked at; the largest encodable key has 104 690 characters (public-api 18)."""

# --- what people send (public-api 18) -----------------------------------------------------------

BODY_BYTES_MAX = 2_097_152
"""Largest request body, 2 MiB (public-api 0)."""

FINGERPRINT_CHARS_MAX = 4_096
"""Room for any machine description; hashed, but also stored."""

HOSTNAME_CHARS_MAX = 255
"""DNS allows no longer name; a longer one is cut."""

PLATFORM_CHARS_MAX = 255
"""Descriptive only; a longer one is cut."""

REASON_CHARS_MAX = 500
"""A sentence or two for the audit log; a longer one is cut."""

EMAIL_CHARS_MAX = 320
"""64 for the local part, 255 for the domain, and the sign between (RFC 3696)."""

NOTE_CHARS_MAX = 2_000
"""A page of text from a buyer or operator."""

URL_CHARS_MAX = 2_048
"""What browsers and proxies reliably carry."""

PROVIDER_KEY_CHARS_MAX = 512
"""Longest API key of a payment provider; those in use have about 40 characters."""

CODE_CHARS_MAX = 64
"""Longer than any code people type; a longer one is unknown."""

CODE_USES_MAX = 1_000_000_000
"""Largest cap on the uses of a code: more than any shop has buyers."""

CODE_POLICIES_MAX = 100
"""Most policies a code may be for; products have a handful."""

REDEMPTIONS_SHOWN_MAX = 1_000
"""Most uses of a code that are shown with it; the attribution report adds up all of them."""

CODES_PAGE_MAX = 1_000
"""Most codes of one page."""

CODE_SLOTS_BATCH = 100
"""Uses of codes that are looked at in one run of the job, oldest first."""

SLUG_CHARS_MAX = 128
"""Longest slug looked up; anything longer is treated as unknown."""

USER_AGENT_CHARS_MAX = 512
"""Longest user agent kept in audit rows and the validation log."""

IDEMPOTENCY_KEY_CHARS_MAX = 255
"""Longest Idempotency-Key; the size other payment APIs allow."""

IDEMPOTENCY_KEY_CHARS_MIN = 16
"""Buyers share one space of keys, so a key must be too long for two to choose the same."""

IDEMPOTENCY_SECONDS = 86_400
"""How long a repeated Idempotency-Key gives the first answer (public-api 6.1: 24 h)."""

OPERATOR_KEY_CHARS_MAX = 200
"""Longest Idempotency-Key of an admin request. Each credential has a space of its own, so even a
short one will do."""

REQUEST_SECONDS_MAX = 60
"""An admin request still without an answer after this has lost it: none is worked on for longer."""

# --- what operators write (admin-api 8, B-36) ---------------------------------------------------

NEW_SLUG_CHARS_MAX = 64
"""Longest slug of a new product or policy; it appears in URLs unescaped."""

NAME_CHARS_MAX = 200
"""Fits a line of the buy page (admin-api B-36)."""

CONNECT_STORES_MAX = 50
"""Stores to choose from after a consent to several: what one still reads, in one setting."""

CONNECT_PROBLEM_CHARS_MAX = 300
"""Why connecting failed: a sentence or two, as everywhere a failure is told."""

LOGO_BYTES_MAX = 32_768
"""A picture of 240 by 80 points has less; buyers fetch it with each first page."""

MAIL_PASSWORD_CHARS_MAX = 1_024
"""Longer than any password or token a mail server takes."""

DESCRIPTION_CHARS_MAX = 10_000
"""A few screens of text on the buy page."""

METADATA_BYTES_MAX = 65_536
"""Largest JSON document an operator may attach to a product, policy or license."""

CATALOG_ENTRIES_MAX = 255
"""A catalog cannot usefully hold more entitlements than one license can."""

AMOUNT_MAX = 2_100_000_000_000_000
"""All bitcoin there will ever be, in sats; also above any price in cents. Fits 64 bits and JSON."""

SECONDS_MAX = 3_153_600_000
"""100 years: longest duration or grace of a policy (lifecycles 2.4)."""

SEATS_MAX = 1_000_000_000
"""Largest seat cap; operators who want no cap use 0."""

TIER_RANK_MAX = 1_000
"""Far more steps than any ladder of tiers (lifecycles 4.1)."""

RENEWAL_PERIOD_DAYS_MAX = 1_830
"""Five years and a few days (lifecycles 4.1)."""

GRACE_PERIOD_DAYS_MAX = 90
"""A quarter (lifecycles 4.1)."""

TIP_BPS_MAX = 10_000
"""The whole sale, in hundredths of a percent (lifecycles 4.1)."""

TIP_SATS_MAX = 5_000_000
"""0.05 BTC: a larger tip is rather a mistake than a thank-you (payments 13)."""

TIP_DETAIL_CHARS_MAX = 500
"""A recipient's server words its own failures; this much is kept of it (payments 13)."""

INSTANT_MAX = 253_402_300_799
"""9999-12-31T23:59:59Z, the last instant RFC 3339 can spell."""

# --- pages and batches --------------------------------------------------------------------------

PAGE_MAX = 10_000
"""Largest page of a list; scripts written for an unbounded list ask for no limit (admin-api 2.6)."""

OFFSET_MAX = 1_000_000_000
"""Furthest row a page may begin at; beyond any table, it only keeps numbers small."""

PAGE_DEFAULT = 100
"""Licenses on a page when the caller does not say (admin-api 2.6)."""

INVOICES_PAGE_MAX = 1_000
"""Largest page of invoices; more are on the next."""

MACHINES_PAGE_MAX = 5_000
"""Largest page of machines (admin-api 2.7)."""

MACHINES_PAGE_DEFAULT = 500
"""Machines on a page when the caller does not say (admin-api 2.7)."""

TIER_CHANGES_MAX = 200
"""Changes of tier shown of one license, newest first; far more than any license has."""

PRODUCTS_MAX = 10_000
"""Most products or policies read into one list; far above any shop, it only bounds memory."""

AUDIT_PAGE_MAX = 1_000
"""Largest page of the audit log (admin-api 2.11)."""

AUDIT_PAGE_DEFAULT = 200
"""Audit rows on a page when the caller does not say (admin-api 2.11)."""

AUDIT_OFFSET_MAX = 100_000
"""Furthest audit row a page may be counted to; further back ``before_id`` costs nothing."""

COUNTED_MAX = 10_000
"""Rows gone through to count what matches rare combinations of filters; more are told as so many."""

EXPORT_BATCH = 1_000
"""Rows of an export read at once: about a megabyte, in a transaction of some milliseconds."""

AUDIT_CHAIN_BATCH = 1_000
"""Audit rows read at once while they are verified; a damaged page costs this many single reads."""

AUDIT_END_ROWS = 100
"""Rows whose seals are checked whenever somebody looks at the log: in a millisecond, with each page."""

AUDIT_BREAKS_MAX = 1_000
"""Breaks of the audit chain told at once; a log with more is to be restored, not read."""

TABLE_BYTES_MAX = 33_554_432
"""32 MiB of a table of licenses to issue: a hundred thousand rows with everything filled in."""

ISSUE_MANY_MAX = 100_000
"""Licenses of one bulk issue: on an idle machine the store is locked for half of the 5 s others wait."""

ISSUE_MANY_BYTES_MAX = 67_108_864
"""64 MiB of one bulk issue, whose licenses and keys are all held at once: an overhead and 400 bytes of text
for each of the most licenses, where any table's own rows have 335 on average."""

LICENSE_OVERHEAD_BYTES = 256
"""What a license takes beside its texts: a key without entitlements has about 225 characters."""

PROVIDERS_NAMED_MAX = 10
"""Provider accounts named in one sentence to choose from; the list of profiles has them all."""

TIPS_PAGE_MAX = 1_000
"""Largest page of tips (admin-api 2.5)."""

TIPS_PAGE_DEFAULT = 100
"""Tips on a page when the caller does not say (admin-api 2.5)."""

TIPS_BATCH = 5
"""Tips dealt with per tick: if every recipient and node is slow, it still ends within its lease."""

RECONCILE_BATCH = 50
"""Invoices asked about per pass and provider (payments 10)."""

RECONCILE_DAYS = 30
"""How long an invoice that may still be paid is looked at (decisions 17)."""

RECEIPTS_BATCH = 50
"""Webhook receipts looked at per tick, so that a flood cannot hold it up."""

RECEIPT_DAYS = 30
"""How long webhook receipts are kept (payments 3)."""

WEBHOOK_WORD_CHARS_MAX = 128
"""Longest id or type kept of a webhook; real ones have at most 36 characters."""

CAPTURES_BATCH = 20
"""Sales per tick whose saved payment method is looked for, each with two calls to the provider."""

NUDGE_ORDER_SECONDS = 2
"""An unsigned webhook makes us ask about the same invoice at most this often (payments 7.4)."""

NUDGES_PER_MINUTE = 60
"""Unsigned webhooks make us ask one provider at most this often (payments 7.4)."""

NUDGED_ORDERS_MAX = 10_000
"""Invoices whose last nudge is remembered; no more than two minutes of them ever matter."""

WEBHOOK_ENDPOINTS_MAX = 100
"""Subscribers at a time: each costs every event a row, and a few are what anybody needs."""

EVENT_TYPES_MAX = 100
"""Names in one subscriber's filter; there are fewer events than that."""

WEBHOOK_SECRET_CHARS_MIN = 16
"""A shorter secret could be guessed (admin-api B-35)."""

WEBHOOK_SECRET_CHARS_MAX = 256
"""Longer than any secret needs to be; it is kept with every subscriber."""

WEBHOOK_SECRET_OVERLAP_SECONDS = 86_400
"""A day, in which a subscriber learns the new secret while deliveries are signed with the old one too."""

DELIVERY_ERROR_CHARS_MAX = 200
"""How much of a subscriber's answer, or of what went wrong, is kept (lifecycles 10.3)."""

DELIVERIES_PAGE_MAX = 500
"""Largest page of deliveries (admin-api 2.8)."""

DELIVERIES_BATCH = 200
"""Deliveries of one subscriber taken, and marked, in one transaction."""

DELIVERY_CLAIM_SECONDS = 60
"""How long a delivery that was taken is left alone: longer than a batch and its slowest call last."""

REPLAY_MAX = 10_000
"""Events one replay may queue, so that it does not hold the store for long; a longer range is split."""

EVENTS_BATCH = 500
"""Events read at once by who follows the outbox."""

HEARTBEAT_SECONDS = 60
"""A machine's last-seen time is written at most this often (PERFORMANCE, design 6)."""

HEARTBEATS_BATCH = 1_000
"""Heartbeats folded into machines per transaction, so that none holds the write lock for long."""

RETENTION_DAYS_MAX = 36_500
"""A century: longer is to keep for ever, which can be said."""

PURGE_BATCH = 1_000
"""Rows removed per pass by a purge, so that no pass holds the write lock for long."""

RATE_BUCKETS_MAX = 50_000
"""Rate-limit buckets held in memory; the least recently used ones leave first."""

LEASE_SECONDS = 15
"""How long a background job's lease lasts unless renewed: a killed server's jobs wait no longer."""

LEASE_RENEW_SECONDS = 5
"""How often a running job renews its lease: two renewals may fail before it lapses."""

LEASE_CLOCK_STEP_SECONDS = 60
"""A lease longer by more than this was written by a wrong clock; smaller corrections free none."""

LEASE_RUN_SECONDS_MAX = 600
"""A job that runs longer hangs; its lease is renewed no more, so that another server takes over."""

PURCHASE_DEADLINE_SECONDS = 8
"""Whole time a purchase may take: published clients give up after 10 s (public-api 0)."""

# --- exchange rates (payments 12.1) ---------------------------------------------------------------

RATE_FRESH_SECONDS = 60
"""How long a fetched rate is used without asking again (payments 12.1)."""

RATE_STALE_SECONDS = 600
"""How old a rate may serve while no source answers: a quote stays open longer than this anyway."""

RATE_MEMORY_SECONDS = 86_400
"""How long a rate is what new ones are compared with; markets may move any way in more than a day."""

RATE_SOURCE_SECONDS = 2
"""How long one source may take, so that all three fit into the whole time."""

RATE_BUDGET_SECONDS = 6
"""How long all sources may take: 2 s of a purchase's 8 are left for the payment provider."""

RATE_REST_SECONDS = 5
"""How long nobody is made to wait again after sources that did not answer in time."""

RATE_UNITS_MIN = 100
"""A bitcoin for less is a mistake of the source, such as another unit (payments 12.1)."""

RATE_UNITS_MAX = 1_000_000_000
"""A bitcoin for more is a mistake of the source too (payments 12.1)."""

RATE_DIGITS_MAX = 30
"""More digits than any price has; longer numbers only cost time."""

RATE_DEVIATION_PERCENT_MAX = 20
"""A larger move within a day is believed only when a second source sees it (payments 12.1)."""

RATE_AGREEMENT_PERCENT = 2
"""Two markets that differ by more do not confirm each other (payments 12.1)."""

RATE_ANSWER_BYTES_MAX = 262_144
"""Longest answer of a source that is read into a rate; the longest real one has 30 KB."""

RATE_OUTLIER_SECONDS = 3_600
"""How often one currency's doubtful rates are noted in the audit log: every sale would repeat it."""

# --- figures and search -------------------------------------------------------------------------

FIGURE_PRODUCTS_MAX = 5
"""Products that figures tell apart: as many as a chart has colors for; the others are added up."""

SEARCH_HITS_MAX = 8
"""Hits of each kind that a search gives: what fits below the box; whoever seeks more types more."""

SEARCH_ID_CHARS_MIN = 8
"""Shortest beginning of an id that is looked for: the first group of one, which is what logs show."""

# --- what the doctor finds too much or too little -----------------------------------------------

DELIVERIES_WAITING_MAX = 1_000
"""More that wait for one webhook endpoint are not a moment's delay: it takes hundreds each second."""

CLOCK_FLOOR = 1_767_225_600
"""2026-01-01: this program is newer, so a clock before it was never set."""

CLOCK_MARGIN_SECONDS = 300
"""How far a stored instant may lie ahead of the clock: larger corrections are no correction."""

CLOCK_DRIFT_SECONDS_MAX = 2
"""How far wall time and elapsed time may part while the doctor looks: whole seconds and a slew."""

DISK_FREE_BYTES_MIN = 67_108_864
"""64 MiB: below it a checkpoint or the next hour's log may fail."""

DISK_FREE_BYTES_LOW = 1_073_741_824
"""1 GiB: enough to act in time."""

DISK_FREE_PERCENT_LOW = 5
"""File systems slow down and keep a reserve below it."""

DISK_FREE_BYTES_AMPLE = 10_737_418_240
"""10 GiB: with so much free, no share is too small."""

WAL_BYTES_HIGH = 67_108_864
"""64 MiB: four times what the larger of the two logs grows to before it is written back."""

WAL_BYTES_MAX = 1_073_741_824
"""1 GiB: nothing has been written back for long, and a start would take minutes."""

OWN_LICENSE_DAYS_MIN = 30
"""How long before its end the operator is told to renew the own license: a month's notice."""

BACKUP_DAYS_MAX = 7
"""A week of sales is what a small shop can still put together by hand."""

EFFECT_SECONDS_MAX = 600
"""A settled invoice is finished with the same transaction or within ten rounds of the reconciler."""

TICK_SILENCE_SECONDS_MAX = 86_400
"""The purge ends well every hour, so a day without any end means that no server runs."""

LEASE_LEFT_SECONDS_MAX = 600
"""A killed run's lease is taken over by the next look; one left longer has found no server."""

ADMIN_KEY_CHARACTERS_MIN = 10
"""Different characters of a key that was made by chance: 64 hex digits never have fewer."""

PROBLEMS_SHOWN_MAX = 5
"""Damaged pages or dangling rows named; the first few tell what kind of damage it is."""
# --- backups and checks -------------------------------------------------------------------------

BACKUP_EVERY_SECONDS_MIN = 60
"""Shortest interval of scheduled backups: a copy and its verification of a small shop take 1 s."""

BACKUP_EVERY_SECONDS_MAX = 2_678_400
"""Longest interval, 31 days: with a longer one a lost disk costs more than a month of sales."""

BACKUP_RETRY_SECONDS = 900
"""First pause after a scheduled backup failed: a full disk is seldom made room on sooner."""

BACKUP_SECONDS_MAX = 540
"""Longest run of a scheduled backup; it ends before LEASE_RUN_SECONDS_MAX lets another begin."""

BACKUPS_KEPT_MAX = 1_000
"""Scheduled backups of one kind that may be kept: a thousand days are almost three years."""

BACKUP_PROBLEM_CHARS_MAX = 500
"""How much of the reason of a failed backup is kept: its first findings, which say what to do."""

STRUCTURE_PROBLEMS_MAX = 20
"""Faults of a damaged file that are listed; more would only repeat them."""

PROBLEMS_MAX = 10
"""Rows named by one check of a database; how many there are is said all the same."""

# --- subscriptions (lifecycles 8) -----------------------------------------------------------------

RENEWALS_BATCH = 25
"""Subscriptions looked at in one go, oldest due first (lifecycles 12)."""

RENEWAL_BATCHES_MAX = 20
"""Batches one tick works through while a backlog is there, so that it ends; the next goes on."""

FREE_CYCLES_MAX = 100
"""Cycles without a price that one look makes up for after a long stop; the next goes on."""

CYCLES_LOOKED_THROUGH = 60
"""Latest cycles looked through for a saved payment method, and shown with a subscription."""

RENEWAL_PAYABLE_SECONDS = 86_400
"""How long a renewal's invoice can be paid: as long as Zaprite's orders (payments 7.2)."""

SUBSCRIPTIONS_PAGE_DEFAULT = 200
"""Subscriptions in one answer when nobody says how many (admin-api 2.10)."""

SUBSCRIPTIONS_PAGE_MAX = 1_000
"""Most subscriptions in one answer (admin-api 2.10)."""

# --- who may sign in (admin-api 1) ----------------------------------------------------------------

API_KEY_LABEL_BYTES_MAX = 80
"""Longest label of an API key, in bytes of UTF-8 (admin-api 1.2)."""

API_KEYS_MAX = 1_000
"""API keys that are not revoked: one for each script, program and helper, and plenty to spare."""

API_KEYS_PAGE_MAX = 1_000
"""API keys in one answer: all of them, unless very many were revoked."""

WEB_PASSWORD_BYTES_MIN = 12
"""Shortest password of the admin pages, in bytes of UTF-8 (admin-api 1.4)."""

WEB_PASSWORD_BYTES_MAX = 1_024
"""Longest such password: no passphrase is longer, and hashing takes in every byte."""

WEB_SESSIONS_MAX = 100
"""Open sessions: few people, several devices each. The one unused for longest ends for a new one."""

WEB_SESSION_SECONDS = 86_400
"""How long a session lasts without being used (admin-api 1.4)."""

WEB_SESSION_SECONDS_MAX = 604_800
"""How long a session lasts at most, however much it is used (admin-api B-05)."""

CREDENTIAL_USE_SECONDS = 60
"""The last use of an API key or a session is written at most this often (admin-api B-05, B-39)."""
DELIVERY_ORDER_SECONDS = 60
"""How long a delivery that is on its way or waits for a retry holds back later ones of its endpoint, from
when it was made: the first three retries. Longer, one that never succeeds would hold back too many."""
