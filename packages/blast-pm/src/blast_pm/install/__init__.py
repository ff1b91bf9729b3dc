"""From distributions in the store to the files of an environment: the folding rules, links, scripts and RECORD."""

__all__: list[str] = []
