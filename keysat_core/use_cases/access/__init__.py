"""API keys, the password of the admin pages, and the sessions of people signed in with it."""
