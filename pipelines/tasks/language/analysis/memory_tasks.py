"""Three small tasks that test the memory of a recurrent cell: adding, copying and counting."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from captioner.cells.build import build_cell
from captioner.layers.recurrent import Recurrent
from pipelines.training.gradients import penalised_gradients

LETTERS, WAIT, MAX_COUNT = 8, 20, 20
COUNTS = MAX_COUNT + 1  # from 0
DEV_SEQUENCES, TEST_SEQUENCES = 500, 2000


class Sequences(NamedTuple):
    """inputs `(B, T, features)` float32; targets `(B, T, outputs)` float32, at every step or (T = 1) the last only."""

    inputs: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Task:
    """A task; its score is the accuracy at the last step if outputs are classes, else the squared error."""

    name: str
    sample: Callable[[np.random.Generator, int], Sequences]  # `sample(random, rows)`
    outputs: int  # numbers, or classes (one-hot), at each step
    classes: bool
    chance: float  # the score of the best constant answer
    solved: float  # the score from which on the task counts as solved
    stop_score: float  # on development data: training stops at it; a little better than `solved`
    learning_rate: float  # vanilla cells learn with it as well as gated ones

    def reaches(self, score: float, threshold: float) -> bool:
        """Whether a score is at least as good as a threshold: accuracies from it up, errors below it."""
        return score >= threshold if self.classes else score < threshold


def sample_adding(random: np.random.Generator, rows: int, length: int = 50) -> Sequences:
    """Numbers between 0 and 1, two of them marked, one in each half; the target is their sum.

    The constant answer 1 has a squared error of 1/6 = 0.167. Hochreiter & Schmidhuber 1997, experiment 4, as in Le,
    Jaitly & Hinton 2015, section 4.1.
    """
    numbers, marks = random.uniform(size=(rows, length)), np.zeros((rows, length))
    half, row = length // 2, np.arange(rows)
    marks[row, random.integers(0, half, rows)] = 1
    marks[row, random.integers(half, length, rows)] = 1
    inputs = np.stack([numbers, marks], axis=-1)
    targets = (numbers * marks).sum(axis=1)[:, None, None]
    return Sequences(inputs.astype("float32"), targets.astype("float32"))


def sample_copy(random: np.random.Generator, rows: int, wait: int = WAIT) -> Sequences:
    """A letter, `wait` blanks, then a sign that asks for it. The target is a blank at every step but the last."""
    letters = random.integers(0, LETTERS, rows)
    blank, sign = LETTERS, LETTERS + 1
    inputs, targets = np.full((rows, wait + 2), blank), np.full((rows, wait + 2), blank)
    inputs[:, 0], inputs[:, -1], targets[:, -1] = letters, sign, letters
    return Sequences(np.eye(LETTERS + 2, dtype="float32")[inputs], np.eye(LETTERS + 1, dtype="float32")[targets])


def sample_count(random: np.random.Generator, rows: int, max_count: int = MAX_COUNT) -> Sequences:
    """A stream of zeros and ones; the target at every step is the number of ones so far.

    Each stream has its own share of ones, so that all counts from 0 to `max_count` are equally likely at the end.
    """
    ones = random.uniform(size=(rows, max_count)) < random.uniform(size=(rows, 1))
    inputs = np.eye(2, dtype="float32")[ones.astype(int)]
    return Sequences(inputs, np.eye(max_count + 1, dtype="float32")[np.cumsum(ones, axis=1)])


TASKS = {
    task.name: task
    for task in (
        Task("adding", sample_adding, 1, False, 1 / 6, solved=0.01, stop_score=0.008, learning_rate=3e-3),
        Task("copy", sample_copy, LETTERS + 1, True, 1 / LETTERS, solved=0.99, stop_score=0.995, learning_rate=1e-3),
        Task("count", sample_count, COUNTS, True, 1 / COUNTS, solved=0.99, stop_score=0.995, learning_rate=3e-3),
    )
}


@dataclass(frozen=True)
class Budget:
    """The sizes and the training of every cell."""

    units: int = 64
    steps: int = 4000
    batch: int = 64
    learning_rate: float | None = None  # of Adam; None for the task's own
    clip_norm: float = 1.0
    gradient_penalty: float = 0.0  # see `pipelines.training.gradients.gradient_penalty`
    seed: int = 0
    check_every: int = 100  # steps between two evaluations on the development data

    def settings(self) -> str:
        """All fields in one line; results with other settings are another experiment."""
        return " ".join(f"{name}={value}" for name, value in asdict(self).items())


@dataclass(frozen=True)
class Outcome:
    """The score of a cell on test data, and the steps and seconds of its training."""

    task: str
    cell: str
    score: float
    solved: bool
    steps: int
    parameters: int
    seconds: float


@keras.saving.register_keras_serializable("captioner")
class TaskNetwork(keras.Model):
    """A cell over a sequence, and a dense layer on top.

    `output_rnn` has no dense layer: its state is its output, so its output must be the answer itself. Its hidden layer
    has the units that other cells have.

    Args:
        cell: name of a cell.
        units: int.
        outputs: int.
    """

    def __init__(self, cell: str, units: int, outputs: int, **kwargs):
        super().__init__(**kwargs)
        self.state_is_output = cell == "output_rnn"
        if self.state_is_output:
            self.recurrent = Recurrent(build_cell(cell, outputs, options={"hidden_units": units}))
            self.read = None
        else:
            self.recurrent, self.read = Recurrent(build_cell(cell, units)), keras.layers.Dense(outputs, name="read")

    def call(self, inputs, steps=None, loop=None):
        """Inputs `(B, T, features)` to outputs `(B, steps, outputs)` of the last `steps` steps; of all if it is None.

        See `Recurrent` for `loop`.
        """
        outputs, _ = self.recurrent(inputs, loop=loop)
        outputs = outputs if steps is None else outputs[:, -steps:]
        return outputs if self.read is None else self.read(outputs)


def loss_of(network: TaskNetwork, task: Task, inputs, targets, loop=None):
    """Cross-entropy of classes, squared error of numbers; the mean over rows and the steps that have targets.

    The outputs of `output_rnn` are fed back to it, so they have to be the targets and not their logits: squared error.
    Where there is a target at each step it learns with teacher forcing, all steps at once.
    """
    steps = targets.shape[1]
    if network.state_is_output and steps == inputs.shape[1]:
        outputs = network.recurrent.cell.parallel(inputs, targets)
    else:
        outputs = network(inputs, steps=steps, loop=loop)
    if task.classes and not network.state_is_output:
        return ops.mean(keras.losses.categorical_crossentropy(targets, outputs, from_logits=True))
    return ops.mean(ops.sum(ops.square(outputs - targets), axis=-1))


def score_of(network: TaskNetwork, task: Task, sequences: Sequences) -> float:
    """Accuracy or squared error at the last step, running free, without teacher forcing."""
    sizes = range(DEV_SEQUENCES, len(sequences.inputs), DEV_SEQUENCES)  # the network is compiled for one size
    parts = np.split(sequences.inputs, sizes)
    outputs = np.concatenate([np.asarray(network.predict_on_batch(part))[:, -1] for part in parts])
    targets = sequences.targets[:, -1]
    if task.classes:
        return float((outputs.argmax(axis=-1) == targets.argmax(axis=-1)).mean())
    return float(np.square(outputs - targets).mean())


def learn(
    task: Task, cell: str, budget: Budget, on_score=lambda step, score: None, xla: bool = True
) -> tuple[Outcome, TaskNetwork]:
    """Trains a cell on new sequences at every step until it solves the task or the budget is spent.

    Every cell sees the same sequences in the same order.

    Args:
        on_score: called with the step and the score on development data.
        xla: compile the step with XLA.

    Returns:
        the outcome, and the trained network.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(budget.seed)
    training, development, test = (np.random.default_rng([budget.seed, part]) for part in range(3))
    network = TaskNetwork(cell, budget.units, task.outputs)
    held_out = task.sample(development, DEV_SEQUENCES)
    network(held_out.inputs[:1])
    network.compile(jit_compile=xla)
    step = _training_step(network, task, budget, xla)
    for done in range(1, budget.steps + 1):
        loss = step(*task.sample(training, budget.batch))
        if done % budget.check_every == 0 or done == budget.steps:
            score = score_of(network, task, held_out)
            on_score(done, score)
            if task.reaches(score, task.stop_score) or not np.isfinite(float(loss)):
                break
    score = score_of(network, task, task.sample(test, TEST_SEQUENCES))
    solved, seconds = task.reaches(score, task.solved), time.monotonic() - started
    return Outcome(task.name, cell, score, solved, done, network.count_params(), seconds), network


def _training_step(network: TaskNetwork, task: Task, budget: Budget, xla: bool) -> Callable:
    weights = network.trainable_variables
    rate = budget.learning_rate or task.learning_rate
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=budget.clip_norm or None)
    optimizer.build(weights)

    @tf.function(jit_compile=xla, autograph=False)
    def step(inputs, targets):
        def forward(loop=None):
            return loss_of(network, task, inputs, targets, loop)

        if budget.gradient_penalty:
            loss, _, gradients = penalised_gradients(forward, weights, budget.gradient_penalty)
        else:
            with tf.GradientTape() as tape:
                loss = forward()
            gradients = tape.gradient(loss, [weight.value for weight in weights])
        optimizer.apply(gradients, weights)
        return loss

    return step
