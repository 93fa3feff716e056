"""Training: from a folder of pictures to a weight file. Needs PyTorch (the extra `train`), which nothing else imports.

In reading order: `options` (what a user may choose), `arch` (which network), `data` (pictures in memory, patches),
`degrade` (what a video makes of a picture), `network` (a graph as a torch module), `loss`, `optimiser`, `checkpoint`,
`plot`, `loop`.
"""
