"""Language models: texts to learn from, training, writing, scoring, and looking inside.

corpora.py    files, folders, data sets and what comes along -> documents, split in two
chunks.py     documents -> batches that continue the batch before
settings.py   the settings of a recipe of kind `language`
train.py      the training of a recipe
sample.py     a run -> text on the terminal
score.py      sentences -> how likely they are
penalised.py  learning with a regulariser of gradients
analysis/     cells that follow signals of a text, the flow of gradients, memory tasks
"""
