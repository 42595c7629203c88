"""Take what a run holds to other tools: weights, figures, trackers and NetCDF.

>>> export_weights("runs/mine", "seed=0", out="model.npz")
>>> export_figure("runs/mine", "curves", cell="seed=0", out="curves.pdf")
>>> export_netcdf("runs/mine", out="mine.nc")
"""
