"""Engines that run one exported network: arrays by name in, arrays by name out."""

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.files import open_regular
from captioner.registry import Registry

ENGINES = Registry(
    "engine",
    {
        "onnx": "captioner.runtime.engines:OnnxNetwork",
        "openvino": "captioner.runtime.engines:OpenVinoNetwork",
    },
)


class OnnxNetwork:
    """A network in an `.onnx` file, run by onnxruntime.

    Args:
        path: the file.
        precision: "float32" or "int8", which the file itself says as well.

    Raises:
        UserError: the engine is not installed, or cannot read the file.
    """

    ending = ".onnx"

    def __init__(self, path: Path, precision: str = "float32"):
        try:
            import onnxruntime
        except ImportError:
            raise not_installed("onnxruntime", "export") from None
        _check_file(path)
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # the engine has kinds of errors of its own
            raise unreadable(path, "onnxruntime", error) from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))


class OpenVinoNetwork:
    """A network in an `.xml` file with a `.bin` file beside it, run by OpenVINO on the processor.

    Args:
        path: the `.xml` file.
        precision: "float32" computes in single precision, which OpenVINO would not do by itself where bfloat16 is
            faster; "int8" leaves to it what the file does not say.

    Raises:
        UserError: the engine is not installed, or cannot read the file.
    """

    ending = ".xml"

    def __init__(self, path: Path, precision: str = "float32"):
        try:
            import openvino
        except ImportError:
            raise not_installed("openvino", "openvino") from None
        for file in (path, path.with_suffix(".bin")):
            _check_file(file)
        hints = {"INFERENCE_PRECISION_HINT": "f32"} if precision == "float32" else {}
        try:
            self._network = openvino.Core().compile_model(path, "CPU", {"PERFORMANCE_HINT": "LATENCY", **hints})
        except Exception as error:  # the engine has kinds of errors of its own
            raise unreadable(path, "OpenVINO", error) from error
        self._requests = threading.local()

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if not hasattr(self._requests, "own"):  # a request serves one thread at a time
            self._requests.own = self._network.create_infer_request()
        results = self._requests.own.infer(dict(inputs), share_inputs=True)
        # An output has several names where the network gives one tensor twice.
        return {name: results[output].copy() for output in self._network.outputs for name in output.names}


def _check_file(path: Path) -> None:
    """
    Raises:
        UserError: it is a pipe, for which an engine would wait.
    """
    with contextlib.suppress(OSError):  # of a file that is missing the engine says so
        open_regular(path).close()


def not_installed(package: str, extra: str) -> UserError:
    return UserError(f"{package} is not installed. Install it with: pip install 'captioner[{extra}]'")


def unreadable(path: Path, engine: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200]
    return UserError(f"{path} cannot be read by {engine}: it is damaged, or from another version. ({reason})")
