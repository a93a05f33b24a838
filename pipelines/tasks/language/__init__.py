"""Language models: texts to learn from, training, scoring and analysis.

corpora.py    files, folders, data sets and what comes along -> documents, split in two
chunks.py     documents -> batches that continue the batch before
settings.py   the settings of a recipe of kind `language`
train.py      the training of a recipe
score.py      sentences -> their log-probabilities
penalised.py  learning with a regulariser of gradients
analysis/     cells that follow signals of a text, the flow of gradients, memory tasks
"""
