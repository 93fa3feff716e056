"""From a hook file back to the network that it computes.

Every pass is compiled to SPIR-V and run by a small machine on symbols: control flow, addresses and sizes are numbers,
the texels that it reads are unknowns. What it stores then is an affine form of texels, and of nonlinear functions of
such forms; a form has the weights as the text has them. In reading order: `affine` (what is computed with), `module`,
`machine` and `handlers/` (a module, and running it), `textures`, `hookpass` (what a pass leaves at a texel),
`activations`, `compare`, `periods`, `inner`, `borders` and `rims` (functions, what repeats, layers within a pass, and
what happens at the edges), `channels` (a scalar of the network and which texel holds it), `lower` (forms to channels),
`slopes` (leaky rectifiers), `layers` (channels to a graph), `lift` (the file from end to end).
"""

from shadergen.lift.lift import Lifted, PassReport, lift, load, under_condition

__all__ = ["Lifted", "PassReport", "lift", "load", "under_condition"]
