"""The network as data, and what it means.

extent.py: a size as a function of the input's. types.py: a value's channels and sizes. ops/: the operators, each with
its type inference. graph.py: nodes, graphs, and what must hold of them. reference.py: what the operators compute.
names.py: names that are nobody else's. merge.py: two operators as one. dump.py: a graph as text.
"""
