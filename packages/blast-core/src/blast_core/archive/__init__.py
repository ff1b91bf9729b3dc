"""The strict front door for archives: a wheel that two readers could understand differently does not enter."""
