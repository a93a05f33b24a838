"""Labelling, classifying and translating sequences: data made from a seed, training, use, and one experiment.

examples.py      an example; examples of every task from a seed, in disjoint splits
tags.py          a label for each word of a caption of shapes
opinions.py      sentences of praise and blame, in which the order of words matters
translation.py   captions of shapes in another language, which has its own words, order and agreement
moving.py        a moving shape, and the direction in which it moves in each frame
facts.py         facts about two things, and a sentence that states them
tables.py        your own examples, as a table
settings.py      the settings of a recipe of kind "sequence"
batches.py       examples -> arrays -> batches
baselines.py     networks without recurrence
train.py         the training of a recipe
sharing.py       an experiment: weights shared over time against a set for each position
"""
