"""What the instructions do, a module for each kind."""

from shadergen.lift.handlers import arithmetic, composite, convert, functions, image, logic, matrix, memory

MODULES = (arithmetic, composite, convert, functions, image, logic, matrix, memory)
"""Importing them registers what is in them with the machine."""
