"""Blast and uv in turn, on the same project, index and machine: what ``python3 dev.py bench`` runs."""
