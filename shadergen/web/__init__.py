"""A shader as a web page: one file, made of the modules in `templates/web/`, that runs it on the visitor's GPU."""
