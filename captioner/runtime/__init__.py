"""Exported models, run with NumPy and an engine: neither Keras nor TensorFlow is loaded.

    from captioner.runtime import load_export
    model = load_export("exports/flickr8k")
    model.caption("photo.jpg")          # [Caption(text=..., score=...)]

`captioner export` writes the folders: the networks as ONNX or OpenVINO files, the words, and how to put them together.
"""

from captioner.runtime.load import load_export

__all__ = ["load_export"]
