"""Independent numerical oracles: hand-coded numpy and scipy versions of the models, no framework code.

``levels`` solves docs/rare_earths_model.md sections 2-3 as written, ``hats`` solves section 6, ``caliendo_parro`` the published hat
system of Caliendo and Parro (2015), ``closed_forms`` the cases with a formula. They share only the Newton iteration.
"""
