"""What a simulation fails with."""


class Violation(AssertionError):
    """A rule of the trade was broken, or something happened that nobody injected."""
