"""How little data still groks: search the crossover size of every setting."""
