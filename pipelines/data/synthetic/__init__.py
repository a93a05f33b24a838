"""The embedded data: a small drawn world whose captions can be checked against the truth.

scenes.py        what there is: things with shape, colour, size and place, sampled from a seed
relations.py     where things are: what may be said about places, and what is true
drawing.py       scenes -> pixels, in whole numbers only
words.py         the words of the world, shared by everything that writes or reads
captions.py      scenes -> captions
parsing.py       captions -> statements
faithfulness.py  statements against scenes: faithfulness, coverage, unseen objects
questions.py     scenes -> questions with answers

The folder on disk is the business of `pipelines/data/datasets/shapes.py`.
"""
