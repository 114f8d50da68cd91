"""What every field of the API means, with an example of it: for the OpenAPI document alone."""
