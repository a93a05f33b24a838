"""Optimizers and learning-rate schedules from plain numbers."""

import keras


def learning_rate_schedule(
    learning_rate: float,
    steps: int,
    schedule: str = "constant",
    warmup_steps: int = 0,
    final_learning_rate: float = 0.0,
):
    """The learning rate at each step: a number, or a schedule of Keras.

    Args:
        learning_rate: the highest.
        steps: of the whole training.
        schedule: `constant`, or `cosine`: down to `final_learning_rate` x `learning_rate` at the last step
            (Loshchilov & Hutter 2017, without restarts).
        warmup_steps: steps over which both rise from 0, at most half of all.
        final_learning_rate: share of the learning rate at which `cosine` ends.
    """
    warmup_steps = min(warmup_steps, steps // 2)
    if schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup_steps else learning_rate,
            decay_steps=max(steps - warmup_steps, 1),
            alpha=final_learning_rate,
            warmup_target=learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    if warmup_steps:
        return keras.optimizers.schedules.PolynomialDecay(0.0, warmup_steps, end_learning_rate=learning_rate)
    return learning_rate


def build_optimizer(
    name: str,
    learning_rate,
    *,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    clip_value: float | None = None,
    average_weights: float = 0.0,
):
    """An optimizer with clipping, and with a moving average of the weights.

    Args:
        name: `adam`, `rmsprop` or `adagrad`.
        learning_rate: a number or a schedule, see `learning_rate_schedule`.
        weight_decay: decoupled from the gradient (Loshchilov & Hutter 2019).
        clip_norm: longest gradient of all weights together (Pascanu, Mikolov & Bengio 2013, section 3.2); 0 for any.
        clip_value: largest entry of a gradient, in place of `clip_norm`.
        average_weights: momentum of a moving average of the weights, 0 for none.
    """
    classes = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop, "adagrad": keras.optimizers.Adagrad}
    return classes[name](
        learning_rate=learning_rate,
        weight_decay=weight_decay or None,
        global_clipnorm=None if clip_value else clip_norm or None,
        clipvalue=clip_value,
        use_ema=bool(average_weights),
        ema_momentum=average_weights or 0.99,
    )
