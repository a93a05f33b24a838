"""Training networks that look at an image in glimpses, over cluttered scenes drawn from a seed.

scenes.py     a whole shape among fragments of others
settings.py   what a recipe of kind "glimpses" sets
train.py      the training of a recipe
pictures.py   where a network looked
"""
