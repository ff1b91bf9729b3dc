"""DPP: one distribution, ready to install. ``docs/spec/dpp.md`` describes the format."""
