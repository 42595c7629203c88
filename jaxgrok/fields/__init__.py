"""The type of a field and the checks of a single value."""
