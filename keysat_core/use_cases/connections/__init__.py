"""Use cases about connecting payment providers and looking after the connections."""
