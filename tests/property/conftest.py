"""How Hypothesis runs here: a busy machine is no failure of the code under test.

``HYPOTHESIS_PROFILE=thorough`` draws many times as many examples.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "keysat",
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.register_profile("thorough", settings.get_profile("keysat"), max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "keysat"))
