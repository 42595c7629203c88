"""The scenes of `fleet.py`: real processes on loopback, every one ended by its id."""
