"""Recurrent networks by their inputs and outputs: a vector or a sequence in, a label or a sequence out.

    OneToOne             a vector  -> a label               a plain dense layer: nothing recurs
    OneToMany            a vector  -> a sentence            a description of a scene, a caption
    ManyToOne            a sequence -> a label              the opinion of a sentence
    ManyToManyInStep     a sequence -> a label a step       tags of words, labels of frames
    EncoderDecoder       a sequence -> a sentence           translation: many-to-one, then one-to-many

labels.py    those that label        writers.py  those that write        inputs.py  words and frames as vectors
settings.py, build.py, model.py      a trained one as a preset, and how to use it
"""
