"""Routes for the operator, one module per noun."""
