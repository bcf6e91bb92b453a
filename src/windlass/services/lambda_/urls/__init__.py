"""Function URLs: HTTP requests to a host of a function's own, and what its results become."""
