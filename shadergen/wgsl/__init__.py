"""A schedule as compute passes of WebGPU: the same work in the same passes as a hook file's, in another language.

It prints what the schedule of compute passes with weights in tables says (`kernels/looped.py` plans the convolutions).
A browser runs it beside the hook file of the same model, and keeps what is faster.
"""

from shadergen.wgsl.passes import write
from shadergen.wgsl.program import Program, Value

__all__ = ["Program", "Value", "write"]
