"""An environment: its layout on disk, its generations, and the state that tells whether it is up to date."""

__all__: list[str] = []
