"""DPL, the binary lock: ``model`` is what it holds, ``layout`` how it lies, ``builder`` writes, ``reader`` reads.

Nothing is imported here: the command that has nothing to do must not pay for the builder.
"""
