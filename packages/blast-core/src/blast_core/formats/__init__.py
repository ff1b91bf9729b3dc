"""The binary formats: each reads its own header and nothing it does not need."""
