"""Routes for buyers and licensed software."""
