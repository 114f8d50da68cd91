"""How Hypothesis runs here: a busy machine is no failure of the code under test."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "keysat", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("keysat")
