"""One file a model, declared in levels: trade models and the rare-earths model."""
