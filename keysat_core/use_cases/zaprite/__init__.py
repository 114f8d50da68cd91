"""Use cases about Zaprite accounts and the payment methods they keep."""
