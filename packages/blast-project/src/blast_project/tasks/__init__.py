"""Tasks: commands of a project with names, arguments, variables, dependencies, and a memory of what is fresh.

`finding` reads them, `planning` makes steps of one and of all that it depends on, `freshness` tells which steps have
nothing to do, `execution` runs the rest.
"""

__all__: list[str] = []
