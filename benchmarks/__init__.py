"""Blast and uv in turn: what `python3 dev.py bench` runs."""
