"""Below the wall: runs hook-file text on a GPU. Imports nothing that wrote the text."""
