"""Captions of images whose features are at hand: searched for or sampled, batch by batch, as text."""

from collections.abc import Callable, Sequence

import numpy as np

from captioner.backend import predict_on_batch
from captioner.decoding.beam import BeamOptions
from captioner.decoding.sample import SampleOptions
from captioner.errors import UserError
from captioner.models.base.batching import on_grid, pad_batch
from captioner.models.base.memory import rows_at_once
from captioner.models.captioning.captions import Caption, captions_of
from captioner.models.captioning.networks import CaptionSampler, CaptionSearcher
from captioner.models.captioning.sampling import keys_of, sampling_noise
from captioner.models.captioning.scoring import LONGEST
from captioner.models.captioning.search_constraints import constraints_of
from captioner.settings import GenerationConfig


def write_captions(
    captioner,
    features: np.ndarray,
    config: GenerationConfig,
    *,
    attention: bool,
    batch_size: int,
    keys: Sequence[bytes] | None,
) -> list[list[Caption]]:
    """See `ImageCaptioner.caption_features`; `captioner` is one."""
    batch_size = rows_at_once(batch_size, captioner.require_memory(config))
    write = _writer(captioner, features, config, batch_size, keys)
    captions = []
    for start in range(0, len(features), batch_size):
        batch = np.asarray(features[start : start + batch_size], "float32")
        outputs = write(pad_batch(batch, batch_size), slice(start, start + batch_size))
        outputs = {name: values[: len(batch), : config.candidates] for name, values in outputs.items()}
        maps = _attention(captioner, batch, outputs, batch_size) if attention else None
        for row in range(len(batch)):
            captions.append(captions_of(captioner.vocabulary, outputs, row, None if maps is None else maps[row]))
            if not captions[-1]:
                raise UserError(
                    f"There is no caption of {config.min_words} to {config.max_words} words that satisfies all "
                    "constraints. Give fewer of them."
                )
    return captions


def _writer(captioner, features, config, batch_size, keys) -> Callable:
    """A function from a full batch and its slice of all features to the outputs of a searcher or a sampler."""
    constraints = constraints_of(config, captioner.vocabulary)
    if not config.do_sample:
        options = BeamOptions(
            config.num_beams,
            config.max_words,
            config.length_penalty,
            num_beam_groups=config.num_beam_groups,
            diversity_penalty=config.diversity_penalty if config.num_beam_groups > 1 else 0.0,
            constraints=constraints,
        )
        # XLA takes two seconds to compile the search of a single image, which then takes a twentieth of one.
        searcher = captioner.compiled(
            CaptionSearcher, batch_size, options, captioner.fusion, jit_compile=batch_size > 1
        )
        return lambda batch, rows: predict_on_batch(searcher, batch)
    keys = keys_of(features) if keys is None else keys
    noise = sampling_noise(config.seed, keys, config.candidates, config.max_words)
    options = SampleOptions(config.temperature, config.top_k, config.top_p, constraints)
    sampler = captioner.compiled(CaptionSampler, (batch_size, *noise.shape[1:]), options, False, captioner.fusion)
    return lambda batch, rows: predict_on_batch(sampler, {"image": batch, "noise": pad_batch(noise[rows], batch_size)})


def _attention(captioner, features, outputs, batch_size):
    words, longest = outputs["words"], int(outputs["lengths"].max())
    if longest > LONGEST:
        raise UserError(f"A caption has {longest:,} words, and maps of at most {LONGEST} are drawn. Lower max_words.")
    words = words[:, :, :LONGEST]  # the network is unrolled over them
    edge = np.full((*words.shape[:2], 1), captioner.vocabulary.start_id, "int32")
    maps = captioner.read(features, np.concatenate([edge, words, edge], axis=2), batch_size).get("attention")
    return None if maps is None else on_grid(maps, captioner.encoder.grid)
