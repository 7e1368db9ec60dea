"""Drawing images: samplers as pure functions, and what feeds them."""
