"""Programs whose distributions lie in memory: one sealed container, a file system that only this process sees, imports.

Nothing of this is imported before `blast_runtime.memory.starting` is, which what Blast hands to the interpreter calls.
"""
