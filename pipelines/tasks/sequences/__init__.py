"""Labelling, classifying and translating sequences: data made from a seed, training, use, and one experiment.

examples.py      what an example is; examples of every task from a seed, in disjoint splits
tags.py          a label for each word of a caption of shapes
opinions.py      sentences of praise and blame, in which the order of words matters
translation.py   captions of shapes in another language, which has its own words, order and agreement
moving.py        a moving shape, and the direction in which it moves in each frame
facts.py         facts about two things, and a sentence that tells them
tables.py        your own examples, as a table
settings.py      what a recipe of kind "sequence" sets
batches.py       examples -> arrays -> batches
baselines.py     what can be done without recurrence
train.py         the training of a recipe
sharing.py       the experiment: what sharing weights over time buys
"""
