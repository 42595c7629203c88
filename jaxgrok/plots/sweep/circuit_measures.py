"""What was measured on the fly, in the layout of the phase diagram.

save(circuit_measures(jaxgrok.load(run_dir)), "circuit_measures.png")
"""

import xarray as xr
from matplotlib.figure import Figure

from jaxgrok.circuits.sweep_measures import survey
from jaxgrok.plots.circuit.seeds import phase_share
from jaxgrok.plots.labels import AXIS_NAMES
from jaxgrok.results.columns import column_of
from jaxgrok.results.phase_grid import gather, medians


def circuit_measures(dataset: xr.Dataset) -> Figure:
    """Share of W_E in the key frequencies, and the steps its rise comes ahead.

    dataset: of a sweep with measures="fourier". Medians over the seeds of a square that
    have a sparse spectrum, or for the steps that grokked; see `analysis.survey`.
    """
    gathered = gather(dataset)
    cells = dataset["phase"].size
    curves = {
        name: dataset[name].values.reshape(cells, *dataset[name].shape[-2:])
        for name in ("W_E_norm", "W_L_norm", "excluded_loss")
    }
    grok_step = column_of(dataset, "grok_step").astype(float)
    found = survey(curves | {"step": dataset["step"].values}, grok_step=grok_step)
    share, lead = (medians(gathered, values) for values in found)
    return phase_share(
        share,
        lead,
        x_values=gathered.x_values.tolist(),
        y_values=gathered.y_values.tolist(),
        x=AXIS_NAMES.get(gathered.x, gathered.x),
        y=AXIS_NAMES.get(gathered.y, gathered.y),
        title=dataset.attrs.get("title", ""),
    )
