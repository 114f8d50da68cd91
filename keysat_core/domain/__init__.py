"""The nouns of the trade: frozen values, pure functions, state machines as tables."""
