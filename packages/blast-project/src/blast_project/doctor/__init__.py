"""``blast self doctor``: what is wrong with the store, the project and its environment, why, and what to do.

Nothing is imported here.
"""

__all__: list[str] = []
