"""The screens of operators. Source: admin-api 7. ``docs/pages.md`` says how one is made."""
