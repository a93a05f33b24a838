"""Public networks, those of `keras.applications` above all, with weights from ImageNet, from a file, or random ones."""

import os
import warnings
from collections.abc import Callable
from functools import partial

import h5py
import keras
import numpy as np

from captioner.encoders.backbone import precision
from captioner.errors import UserError, alternatives
from captioner.layers.parameter_limit import uncounted_parameters


def application_names() -> list[str]:
    """The functions of `keras.applications` that build a network."""
    return [name for name in dir(keras.applications) if name[0].isupper()]


def build_application(name: str, weights: str, classifier: bool, size: int, half_precision: bool):
    """A network of `keras.applications`, filled with weights.

    Args:
        name: as in `keras.applications`, such as `VGG16`.
        weights: `imagenet` (downloaded once by Keras), `none` (random, the same every time), or a path.
        classifier: whether to keep the dense layers at the end.
        size: height and width of images.
        half_precision: compute in bfloat16 where the machine is faster at it.

    Raises:
        UserError: the network is unknown, cannot be built at this size, or the weights are not to be had.
    """
    if name not in application_names():
        raise UserError(
            f"There is no network called {name!r} in keras.applications.{alternatives(name, application_names())}"
        )
    with precision(half_precision):
        model = _construct(name, "imagenet" if weights == "imagenet" else None, classifier, size)
    if weights != "imagenet":
        fill_weights(model, name, weights, partial(_fill_application, name=name, classifier=classifier))
    return model


def fill_weights(model, name: str, weights: str, fill: Callable | None = None) -> None:
    """Fills a network that was built with weights from a file, or with random ones.

    Args:
        model: the network.
        name: what it is called, such as `VGG16`.
        weights: `none` (random, the same every time), or a path.
        fill: a function of model and path that reads the file; by default `model.load_weights`.

    Raises:
        UserError: there is no such file, or its weights do not fit.
    """
    if weights == "none":
        _initialise(model)
        return
    if not os.path.isfile(weights):
        fault = "this is a folder" if os.path.isdir(weights) else "there is no such file"
        raise UserError(f"{weights}: {fault}, but the weights of {name} were to be read from it.")
    try:
        with warnings.catch_warnings():  # a file of another network makes Keras warn at length before it raises
            warnings.simplefilter("ignore")
            (fill or type(model).load_weights)(model, weights)
    except UserError:
        raise
    except Exception as error:  # every kind of damage raises its own kind of error
        what = " ".join(str(error).split())[:200]
        raise UserError(
            f"{weights} does not hold weights that fit {name}. Expected a file written by `save_weights` of this "
            f"network. ({what})"
        ) from error


def _construct(name: str, weights: str | None, classifier: bool, size: int):
    try:
        return getattr(keras.applications, name)(include_top=classifier, weights=weights, input_shape=(size, size, 3))
    except Exception as error:  # Keras raises a bare Exception when a download fails
        if "fetch failure" in str(error) or isinstance(error, OSError):
            what = "downloaded" if "fetch failure" in str(error) else "read after their download"  # h5py's OSError
            raise UserError(
                f"The ImageNet weights of {name} could not be {what} ({error}). Give a file that has them with "
                "--encoder-weights PATH; where Keras has downloaded one it is in ~/.keras/models. The encoder "
                "efficientnet_lite2, which the installed model `photos` has, needs no download. Only a new training "
                "can do with random weights: --set encoder.weights=none."
            ) from error
        raise UserError(f"{name} cannot be built for images of {size} x {size} pixels: {error}") from error


def _fill_application(model, path: str, name: str, classifier: bool) -> None:
    """Loads a file of a network of `keras.applications` with or without its dense layers into one of them."""
    holds_classifier = _holds_classifier(path)
    if classifier and not holds_classifier:
        raise UserError(
            f"{path} holds the convolutions of {name} only (a `notop` file), but fc7 features need its "
            "dense layers too. Give a file of the whole network, or set encoder.options.features to `grid`."
        )
    if classifier or not holds_classifier:
        model.load_weights(path)
        return
    with uncounted_parameters():
        whole = getattr(keras.applications, name)(include_top=True, weights=None)
    whole.load_weights(path)
    for layer in model.layers:
        if layer.weights:  # the input layer has none, and another name in every model
            layer.set_weights(whole.get_layer(layer.name).get_weights())


def _holds_classifier(path: str) -> bool:
    """Whether a weights file has dense layers: only they have matrices; convolutions have four dimensions."""
    try:
        with h5py.File(path) as file:
            return bool(file.visititems(lambda _, item: getattr(item, "ndim", 0) == 2 or None))
    except OSError as error:
        raise UserError(
            f"{path} is not a weights file (HDF5), or it is damaged: {error}. Expected a `.weights.h5` file."
        ) from error


def _initialise(model) -> None:
    """Random weights that are the same every time, so that they need not be saved with a preset.

    Normal as [He et al., 2015](https://arxiv.org/abs/1502.01852) propose for ReLU: `normal(0, 2 /
    inputs)`, so that activations neither vanish nor explode on their way through the network.
    """
    generator = np.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) >= 2:
            depthwise = len(variable.shape) == 4 and variable.shape[-1] == 1
            inputs = np.prod(variable.shape[: 2 if depthwise else -1])
            variable.assign(generator.standard_normal(variable.shape, np.float32) * np.sqrt(2 / inputs))
