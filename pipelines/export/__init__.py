"""Trained models for other programs: networks as ONNX, OpenVINO or SavedModel, with words and settings in a folder."""
