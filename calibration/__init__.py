"""Read, check and aggregate official tables into the labelled baseline data of a model."""
