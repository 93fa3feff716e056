"""Training: from a folder of pictures to a weight file. Needs PyTorch (the extra `train`), which nothing else imports.

In reading order: `options` (what a user may choose), `arch` (which network), `data` (pictures in memory, patches),
`degrade` (what happens to a patch on the fly), `video` (what real encoders do to pictures), `feed` (batches of either),
`network` (a graph as a torch module), `loss`, `optimiser`, `checkpoint`, `plot`, `loop` (the steps), `run` (from
options and folders to files).
"""
