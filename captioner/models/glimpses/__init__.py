"""Classifying an image from a series of glimpses.

settings.py   what a preset's `config.json` holds
networks.py   the network of glimpses, and one of the same size that sees a downscaled image
model.py      a trained one: images in; labels, probabilities and locations out
"""
