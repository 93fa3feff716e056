"""Which work happens in which hook pass, and what it costs."""
