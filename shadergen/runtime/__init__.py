"""Runs hook files on a GPU, and in the players that are installed. Nothing here knows what wrote the text."""
