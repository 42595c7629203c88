"""Reading one network: its circuit, its training's stages, its heads, its weights.

>>> circuit(read(task, model, params, is_train)).key_frequencies
(14, 35, 41)
"""
