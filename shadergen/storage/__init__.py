"""Where the values that passes exchange are kept."""
