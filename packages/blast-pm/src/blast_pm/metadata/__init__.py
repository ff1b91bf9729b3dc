"""What is known of releases: pages and metadata as records in the store's database, and where they come from.

Nothing is imported here: a command pays only for the part that it uses.
"""

__all__: list[str] = []
