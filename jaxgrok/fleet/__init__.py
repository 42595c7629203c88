"""Workers, and how a coordinator reaches them."""
