"""The machine, its files, the terminal, and what the command lines share."""
