"""Running without an environment: views of the store, the maps in them, and what starts programs there."""
