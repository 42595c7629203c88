"""The transformer as a textbook writes it: every position, no table, no shortcut."""

import jax
import jax.numpy as jnp


def layer_norm(x, w, b):
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    return centred / jnp.sqrt(variance + 1e-5) * w + b


def logits(params, tokens, *, model):
    """Logits of all positions [examples, pos, vocab], from TransformerLens' names."""

    def norm(x, name):
        if not model.layer_norm:
            return x
        return layer_norm(x, params[f"{name}.w"], params[f"{name}.b"])

    def bias(name):
        return params.get(name, 0.0)

    pos = tokens.shape[1]
    x = params["embed.W_E"][tokens] + params["pos_embed.W_pos"][:pos]
    causal = jnp.tril(jnp.ones((pos, pos), bool))
    for layer in range(model.layers):
        name = f"blocks.{layer}"
        h = norm(x, f"{name}.ln1")
        for head in range(model.heads):
            q, k, v = (
                h @ params[f"{name}.attn.W_{letter}"][head]
                + (
                    params[f"{name}.attn.b_{letter}"][head]
                    if model.biases == "all"
                    else 0
                )
                for letter in "QKV"
            )
            scores = q @ k.swapaxes(-1, -2) / model.d_head**0.5
            pattern = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf))
            x = x + pattern @ v @ params[f"{name}.attn.W_O"][head]
        x = x + bias(f"{name}.attn.b_O")
        if model.attention_only:
            continue
        h = norm(x, f"{name}.ln2") @ params[f"{name}.mlp.W_in"]
        h = h + bias(f"{name}.mlp.b_in")
        h = jax.nn.relu(h) if model.activation == "relu" else jax.nn.gelu(h)
        x = x + h @ params[f"{name}.mlp.W_out"] + bias(f"{name}.mlp.b_out")
    return norm(x, "ln_final") @ params["unembed.W_U"] + bias("unembed.b_U")


def mlp_logits(params, tokens, *, task):
    """Logits [examples, 1, vocab] of the 2-layer MLP, from one-hots or signs."""
    free = [pos for pos, token in enumerate(task.fixed_tokens) if token is None]
    given = tokens[:, jnp.array(free)]
    W_in = params["mlp.W_in"]
    if task.mlp_input == "sum":
        x = jax.nn.one_hot(given, W_in.shape[0], dtype=W_in.dtype).sum(1)
    else:
        x = (2 * given - 1).astype(W_in.dtype)
    post = jax.nn.relu(x @ W_in + params["mlp.b_in"])
    return (post @ params["mlp.W_out"] + params["mlp.b_out"])[:, None]
