"""Is a run whole? Every file that counts, and the end of every planned cell."""
