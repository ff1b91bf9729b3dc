"""Where a requirement may come from besides an index: repositories, archives and directories named by address."""

__all__: list[str] = []
