"""Use cases of subscriptions: renewing, cancelling, reading them."""
