"""Commands carried out by a server elsewhere, over its admin API."""
