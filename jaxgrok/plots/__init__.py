"""Turn results into figures.

`run_figures` and `circuit_figures` list the figures of a run and of a circuit; `sweep`
and `circuit` draw them; `style`, `labels` and `heatmap` are shared. No module uses
pyplot, so there is no global state.

    for name, figure in run_figures.figures("runs/mine"):
        save(figure, f"{name}.png")
"""
