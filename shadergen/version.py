"""The version, in a module that imports nothing: headers of files and records of training name it, too."""

__version__ = "0.1.0"
