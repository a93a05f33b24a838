"""Networks as ONNX files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from captioner.runtime.engines import not_installed

EXTRA = "export"
_OPSET = 17


def write_networks(networks: Mapping, folder: Path, calibration: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Writes each network; see `pipelines.export.openvino.write_networks`."""
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise not_installed(error.name or "tf2onnx", EXTRA) from None
    for name, function in networks.items():
        network, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=_OPSET)
        if name in calibration:
            from pipelines.export.openvino import quantized

            network = quantized(network, calibration[name])
        onnx.save(network, str(folder / f"{name}.onnx"))
