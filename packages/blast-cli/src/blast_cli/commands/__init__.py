"""One module per command: ``configure(parser)`` and ``execute(arguments, context)``."""

__all__: list[str] = []
