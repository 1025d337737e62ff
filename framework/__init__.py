"""Declare, transform, analyse, compile and solve structural models; knows no particular model."""
