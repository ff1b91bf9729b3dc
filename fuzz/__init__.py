"""Fuzzing what reads untrusted bytes: ``python3 dev.py fuzz [TARGET ...] [--minutes N]``.

`targets` says for each reader what must hold of any input, `mutators` change inputs without breaking what the first
check would stumble over, `seeds` are where it starts, `corpus` keeps what it found, `harness` is one fuzzing process.
"""
