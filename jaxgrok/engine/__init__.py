"""Many lanes on the devices of one machine: the only vmap, jit and donation."""
