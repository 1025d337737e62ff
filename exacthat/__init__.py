"""The public face: what a model file or notebook imports, and the command line."""
