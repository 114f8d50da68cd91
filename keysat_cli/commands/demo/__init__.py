"""``keysat demo``: a server with pretend money, and one sale before the reader's eyes."""
