"""SPIR-V as data: the numbers of the specification, and instructions from a binary.

Version 1.6: https://registry.khronos.org/SPIR-V/specs/unified1/SPIRV.html. What a module means is for its readers to
say: `lift` runs it with symbols, `cost` counts how often its blocks run.
"""
