"""From curves to outcomes: memorise step, grok step, phase, spikes, phase changes."""
