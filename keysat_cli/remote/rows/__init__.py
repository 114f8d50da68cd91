"""How each command is said in requests, a module for each area of the admin API."""
