"""The scenes of `object_store.py`: sweeps and fleets in a bucket."""
