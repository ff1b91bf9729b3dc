"""Locks as other tools read them, and git's help with ours."""
