"""What all models share.

pretrained_model.py   presets, checked weights, compiled networks and padded batches of every model class
build.py              settings to a decoder             sequence_reader.py    cells over a sequence
decode_step.py        the step of every search          batching.py           batches of one size
compatibility.py      what belongs together             detokenizer.py        sampled ids as text
images.py             images that people give, batch by batch
"""
