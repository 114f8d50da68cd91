"""Pages for people: buying, thanks, recovery and the admin UI."""
