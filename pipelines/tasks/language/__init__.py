"""Language models: texts to learn from, training, writing, scoring, and looking inside.

corpora.py    files, folders, data sets and what comes along -> documents, split in two
chunks.py     documents -> batches that go on where the one before ended
settings.py   what a recipe of kind `language` may set
train.py      the training of a recipe
sample.py     a run -> text on the terminal
score.py      sentences -> how likely they are
penalised.py  learning with a regulariser of gradients
analysis/     which cells follow what a reader sees in a text, how gradients flow, what cells can remember
"""
