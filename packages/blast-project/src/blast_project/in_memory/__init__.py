"""``blast run --in-memory``: distributions that are resolved, fetched and run without a file."""
