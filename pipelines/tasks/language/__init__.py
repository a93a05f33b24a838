"""Language models: texts to learn from, training, writing, scoring, and looking inside.

corpora.py    files, folders, data sets and what comes along -> documents, split in two
chunks.py     documents -> batches that go on where the one before ended
settings.py   what a recipe of kind `language` may set
train.py      a recipe -> a run
sample.py     a run -> text on the terminal
score.py      sentences -> how likely they are
signals.py    what a reader sees in a text: quotes, comments, depth ...
inspect.py    which cells follow these signals, and a page that shows one
cli.py        `captioner language ...`
probes.py     how gradients flow in cells, and what cells can remember
penalised.py  learning with a regulariser of gradients
"""
