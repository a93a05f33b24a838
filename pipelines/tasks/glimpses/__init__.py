"""Training networks of glimpses on cluttered scenes sampled from a seed.

scenes.py     a whole shape among fragments of others
settings.py   the settings of a recipe of kind "glimpses"
train.py      the training of a recipe
pictures.py   the path of the glimpses over images
"""
