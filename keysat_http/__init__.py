"""The HTTP shell: routes, credentials, error table, pages."""
