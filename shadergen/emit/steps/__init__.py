"""A step of a pass as GLSL: a file each, with a template of `templates/steps/`."""
