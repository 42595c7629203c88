"""What a setting is: its facts, the checks of one value, and registries of names."""
