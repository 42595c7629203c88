"""Reading grokked networks: arrays in, arrays out.

`network` one network's arrays in the order of its group · `circuit` what it learned ·
`logits` projections and losses, on the host and inside jit · `neurons` the neuron map
· `keys` which frequencies are key · `progress` measures over a trajectory, `stages`
what they show · `recorded` the cheap measures that ride along with a training, `survey`
what they say of a sweep · `exchange`, `layout` weights to and from elsewhere.

    >>> circuit(read(task, model, params, is_train)).key_frequencies
"""
