"""A sequence of frames as an encoder's input: any encoder of images, one frame after the other."""

import keras
import numpy as np
from keras import ops

from captioner.cells.build import build_cell
from captioner.encoders.base import Encoder
from captioner.images.clips import PADDING, ClipSpec
from captioner.layers.recurrent import Recurrent


@keras.saving.register_keras_serializable("captioner")
class FrameEncoder(Encoder):
    """Clips `(B, F, H, W, 3)` to memory `(B, F x P, D)`, the frames in the order of time.

    Every frame goes through the encoder of images, and a recurrent network runs over the frames, so that each position
    of a frame also holds what has happened before it (`FrameHead` has the equations). A clip that is shorter than
    others is padded with frames of `captioner.images.clips.PADDING`; their positions in the memory are zeros, which
    decoders skip (`Decoder.padded`), so that they change nothing.

    The backbone of a frozen network sees the frames one by one, and what it makes of a whole clip can be kept on disk.

    Args:
        encoder: any encoder of images.
        frames: F.
        cell: name of the recurrent cell that passes over the frames.

    Call arguments:
        images: float32 `(B, F, H, W, 3)`, as `captioner.images.clips.load_pixels` makes them.

    Returns:
        memory `(B, F x P, D)`.

    Reference: [Donahue et al. 2015](https://arxiv.org/abs/1411.4389), section 3: a convolutional network a frame, and a
    recurrent one over time.
    """

    def __init__(self, encoder, frames, cell="lstm", **kwargs):
        self.encoder = encoder
        self._options = {"frames": frames, "cell": cell}
        spec = ClipSpec(**encoder.spec.config(), frames=frames)
        backbone = FrameBackbone(encoder.backbone, frames) if encoder.backbone else None
        head = FrameHead(encoder.head, cell, name="head")
        head.build((None, frames, *encoder.backbone_shape))
        super().__init__(spec, backbone, head, None, **kwargs)

    padded = True

    def get_config(self):
        return {**super().get_config(), "encoder": keras.saving.serialize_keras_object(self.encoder), **self._options}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "encoder": keras.saving.deserialize_keras_object(config["encoder"])})


class FrameBackbone:
    """A frozen network that sees clips frame by frame. See `captioner.encoders.backbone.Backbone`, whose methods it
    has.

    Args:
        backbone: the network of a single image.
        frames: F.
    """

    def __init__(self, backbone, frames):
        self.backbone, self.frames = backbone, frames

    @property
    def model(self):
        return self.backbone.model

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.frames, *self.backbone.shape)

    @property
    def fingerprint(self) -> list[list[float]]:
        return self.backbone.fingerprint

    def identity(self) -> dict:
        return {**self.backbone.identity(), "frames": self.frames}

    def __call__(self, clips):
        """float16 `(B, F, ...)` from clips `(B, F, H, W, 3)`, as tensors; `PADDING` where there is no frame."""
        clips = ops.convert_to_tensor(clips)
        real = real_frames(clips)
        clean = ops.where(real[:, :, None, None, None], clips, 0.0)
        seen = self.backbone(ops.reshape(clean, (-1, *clips.shape[2:])))
        real = ops.reshape(real, (-1, *[1] * (len(self.shape) - 1)))
        return ops.reshape(ops.where(real, seen, ops.cast(PADDING, seen.dtype)), (-1, *self.shape))

    def predict(self, clips):
        """The same from arrays to arrays, compiled; one frame of each clip at a time, so that one size is compiled."""
        clips = np.asarray(clips)
        real = ~np.all(clips.reshape(*clips.shape[:2], -1) >= PADDING, axis=-1)
        seen = []
        for frame, there in zip(np.moveaxis(clips, 1, 0), real.T, strict=True):
            mask = there.reshape(-1, *[1] * (frame.ndim - 1))
            features = np.asarray(self.backbone.predict(np.where(mask, frame, 0).astype(np.float32)))
            seen.append(np.where(there.reshape(-1, *[1] * (features.ndim - 1)), features, np.float16(PADDING)))
        return np.stack(seen, axis=1)


@keras.saving.register_keras_serializable("captioner")
class FrameHead(keras.layers.Layer):
    """The trained part: the head of the encoder of images on each frame, and what it leads to over time.

        m_tp = head(frame t)_p                               what is seen
        v_t  = max_p relu(W_v m_tp + b_v)                   the frame as one vector
        h_t  = cell([v_t; v_t - v_(t-1)], h_(t-1))          what has happened so far; v_0 = v_1
        M_tp = m_tp + W_h [h_t; v_t]                        memory; 0 at all positions of a frame that is padding

    The difference tells what changed, which a cell could find out by itself, but learns much more slowly. The cell
    knows the order of the frames, and so does each position of the memory: a decoder that takes the mean over all of
    them can still tell left from right. It can tell shapes, too, because v_t is a maximum: in a mean over positions a
    small object is a few parts in a hundred.

    Args:
        head: the trained part of an encoder of images, `(B, ...)` to `(B, P, D)`.
        cell: name of a recurrent cell.

    Call arguments:
        inputs: `(B, F, ...)`; frames that are padding hold `PADDING` everywhere. While training they count as
            repetitions of the clip's first frame for batch normalisation, if `head` has any.

    Returns:
        `(B, F x P, D)`.
    """

    def __init__(self, head, cell="lstm", **kwargs):
        super().__init__(**kwargs)
        self.head = head
        self.cell_name = cell

    def build(self, input_shape):
        if not self.head.built:
            self.head.build((None, *input_shape[2:]))
        self.positions, size = self.head.compute_output_shape((None, *input_shape[2:]))[1:]
        self.frame_shape = tuple(input_shape[2:])
        self.vector = keras.layers.Dense(size, activation="relu", name="vector")
        self.recurrent = Recurrent(build_cell(self.cell_name, size), name="over_time")
        self.happened = keras.layers.Dense(size, use_bias=False, name="happened")
        self.vector.build((None, size))
        self.recurrent.build((None, None, 2 * size))
        self.happened.build((None, self.recurrent.cell.output_size + size))
        self.built = True

    def call(self, inputs, training=None):
        frames = inputs.shape[1]
        real = real_frames(inputs)
        mask = ops.reshape(real, (-1, frames, *[1] * len(self.frame_shape)))
        clean = ops.where(mask, inputs, inputs[:, :1])
        seen = self.head(ops.reshape(clean, (-1, *self.frame_shape)), training=training)
        size = seen.shape[-1]
        vectors = ops.reshape(ops.max(self.vector(seen), axis=1), (-1, frames, size))
        before = ops.concatenate([vectors[:, :1], vectors[:, :-1]], axis=1)
        seen = ops.reshape(seen, (-1, frames, self.positions, size))
        happened, _ = self.recurrent(ops.concatenate([vectors, vectors - before], axis=-1), mask=real)
        memory = seen + self.happened(ops.concatenate([happened, vectors], axis=-1))[:, :, None]
        memory = memory * ops.cast(real, memory.dtype)[:, :, None, None]
        return ops.reshape(memory, (-1, frames * self.positions, size))

    def compute_output_shape(self, input_shape):
        positions, size = self.head.compute_output_shape((None, *input_shape[2:]))[1:]
        return (input_shape[0], input_shape[1] * positions, size)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def get_config(self):
        head = keras.saving.serialize_keras_object(self.head)
        return {**super().get_config(), "head": head, "cell": self.cell_name}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "head": keras.saving.deserialize_keras_object(config["head"])})


def real_frames(clips):
    """Which frames are there: bool `(B, F)` of `(B, F, ...)`; padding holds `PADDING` everywhere."""
    flat = ops.reshape(clips, (-1, clips.shape[1], int(np.prod(clips.shape[2:]))))
    return ops.min(flat, axis=-1) < PADDING
