"""Estimate the elasticities and cost shares that models are calibrated with."""
