"""The machine, files, the terminal, and what the command lines share."""
