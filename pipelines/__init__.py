"""Data, training and commands around the models of `captioner`, on TensorFlow."""
