"""Files, on a disk or in a store of objects: their paths, locks and whole writes."""
