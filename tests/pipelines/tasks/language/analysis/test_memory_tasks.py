"""Adding, copying and counting: what is asked, how it is learned, and the table that grows cell by cell."""

import numpy as np
import pytest
from typer.testing import CliRunner

from captioner.errors import UserError
from pipelines.cli.app import app
from pipelines.tasks.language.analysis import memory_table as task_table
from pipelines.tasks.language.analysis.memory_table import head_and_rows, notes, read_outcomes, run_tasks
from pipelines.tasks.language.analysis.memory_tasks import (
    LETTERS,
    TASKS,
    Budget,
    Outcome,
    Sequences,
    Task,
    TaskNetwork,
    learn,
    loss_of,
    sample_adding,
    sample_copy,
    sample_count,
    score_of,
)
from pipelines.utils.progress import Reporter
from tests.support import randomise

# --- What is asked


def test_adding_marks_one_number_in_each_half_and_wants_their_sum():
    inputs, targets = sample_adding(np.random.default_rng(0), 200, length=10)
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert set(np.unique(marks)) == {0, 1} and numbers.min() >= 0 and numbers.max() < 1
    assert np.all(marks[:, :5].sum(axis=1) == 1) and np.all(marks[:, 5:].sum(axis=1) == 1)
    assert np.all(marks.sum(axis=0) > 0), "a position that is never marked need not be remembered"
    np.testing.assert_allclose(targets[:, 0, 0], (numbers * marks).sum(axis=1), rtol=1e-6)


def test_copying_shows_the_letter_once_and_wants_it_once():
    inputs, targets = sample_copy(np.random.default_rng(0), 100, wait=3)
    assert inputs.shape == (100, 5, LETTERS + 2) and targets.shape == (100, 5, LETTERS + 1)
    letters, answers = inputs.argmax(axis=-1), targets.argmax(axis=-1)
    assert set(letters[:, 0]) == set(range(LETTERS)), "a letter never comes"
    assert np.all(letters[:, 1:4] == LETTERS) and np.all(letters[:, 4] == LETTERS + 1)
    assert np.all(answers[:, :4] == LETTERS) and np.all(answers[:, 4] == letters[:, 0])


def test_counting_wants_the_count_at_every_step():
    inputs, targets = sample_count(np.random.default_rng(0), 500, max_count=6)
    ones = inputs[..., 1]
    np.testing.assert_array_equal(targets.argmax(axis=-1), np.cumsum(ones, axis=1))
    at_the_end = np.bincount(targets[:, -1].argmax(axis=-1), minlength=7) / 500
    assert at_the_end.min() > 0.08, "guessing the commonest count would do better than 1 in 7"


@pytest.mark.parametrize("name", TASKS)
def test_the_stated_chance_is_that_of_the_best_constant_answer(name):
    task = TASKS[name]
    wanted = task.sample(np.random.default_rng(0), 20_000).targets[:, -1]
    if task.classes:
        assert wanted.mean(axis=0).max() == pytest.approx(task.chance, abs=0.01)
    else:
        assert np.var(wanted) == pytest.approx(task.chance, abs=0.005)
    assert task.reaches(task.stop_score, task.solved) and not task.reaches(task.chance, task.solved)


# --- How it is learned


def short(name="copy", wait=2):
    return Task(name, lambda random, rows: sample_copy(random, rows, wait), LETTERS + 1, True, 1 / 8, 0.99, 0.995, 1e-2)


def test_output_rnn_cannot_know_the_letter_when_it_said_blanks():
    """What the table says: with blanks fed back, what it says at the end is the same whatever it saw."""
    network = TaskNetwork("output_rnn", 5, LETTERS + 1)
    inputs, targets = sample_copy(np.random.default_rng(0), 16, wait=2)
    network(inputs)
    randomise(network)
    said = np.asarray(network.recurrent.cell.parallel(inputs, targets))
    assert len({tuple(row) for row in inputs[:, 0]}) > 3 and np.ptp(said[:, 0], axis=0).max() > 0.1
    np.testing.assert_allclose(said[:, -1], said[:1, -1].repeat(16, axis=0), rtol=1e-6)
    expected = np.mean(np.sum((said - targets) ** 2, axis=-1))
    assert float(loss_of(network, short(), inputs, targets)) == pytest.approx(expected, rel=1e-5)


def test_output_rnn_feeds_back_its_own_outputs_where_only_the_end_has_a_target():
    network, task = TaskNetwork("output_rnn", 5, 1), TASKS["adding"]
    inputs, targets = sample_adding(np.random.default_rng(0), 4, length=6)
    network(inputs)
    randomise(network)
    states = network.recurrent.cell.get_initial_state(batch_size=4)
    for t in range(6):
        output, states = network.recurrent.cell(inputs[:, t], states)
    expected = np.mean((np.asarray(output) - targets[:, 0]) ** 2)
    assert float(loss_of(network, task, inputs, targets)) == pytest.approx(expected, rel=1e-5)
    network.compile(jit_compile=False)
    assert score_of(network, task, Sequences(inputs, targets)) == pytest.approx(expected, rel=1e-5)


def test_every_cell_sees_the_same_sequences_and_stops_when_it_is_done():
    seen = {}
    for name in ("gru", "output_rnn"):
        drawn = seen.setdefault(name, [])

        def draw(random, rows, drawn=drawn):
            drawn.append(sample_copy(random, rows, 2))
            return drawn[-1]

        task = Task("copy", draw, LETTERS + 1, True, 1 / 8, 0.99, 0.995, 1e-2)
        outcome, network = learn(task, name, Budget(units=24, steps=120, batch=16, check_every=20), xla=False)
        assert (outcome.cell, outcome.task, outcome.parameters) == (name, "copy", network.count_params())
        assert outcome.solved == (name == "gru") and (outcome.steps < 120) == outcome.solved
    for one, other in zip(seen["gru"][:20], seen["output_rnn"][:20], strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)


def test_the_regulariser_is_for_tasks_too():
    plain, _ = learn(short(), "rnn", Budget(units=8, steps=3, batch=4), xla=False)
    penalised, _ = learn(short(), "rnn", Budget(units=8, steps=3, batch=4, gradient_penalty=1.0), xla=False)
    assert np.isfinite(penalised.score) and plain.parameters == penalised.parameters


# --- The table


@pytest.fixture
def trained(monkeypatch):
    """Which pairs were trained; a stop after some of them can be asked for."""
    pairs: list[tuple[str, str]] = []

    def pretend(task, cell, budget, on_score, xla):
        if len(pairs) == pairs_before_stop[0]:
            raise KeyboardInterrupt
        pairs.append((cell, task.name))
        on_score(100, 0.5)
        return Outcome(task.name, cell, 0.12345, cell == "lstm", 100, 77, 1.5), None

    pairs_before_stop = [99]
    monkeypatch.setattr(task_table, "learn", pretend)
    return pairs, pairs_before_stop


def run(output, tasks=("adding", "copy"), cells=("lstm", "output_rnn"), budget=None):
    return run_tasks(cells, tasks, budget or Budget(), output, Reporter(quiet=True))


@pytest.mark.parametrize("name", ["table.md", "table.csv"])
def test_a_stopped_table_goes_on(trained, tmp_path, name):
    pairs, stop = trained
    stop[0] = 3
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "new" / name)
    assert len(read_outcomes(tmp_path / "new" / name, Budget())) == 3
    stop[0] = 99
    outcomes = run(tmp_path / "new" / name)
    assert pairs == [("lstm", "adding"), ("lstm", "copy"), ("output_rnn", "adding"), ("output_rnn", "copy")]
    assert outcomes[0] == Outcome("adding", "lstm", 0.12345, True, 100, 77, 1.5)
    assert outcomes == run(tmp_path / "new" / name) and len(pairs) == 4, "nothing is trained again"


def test_the_page_says_why_one_cannot_copy(trained, tmp_path):
    run(tmp_path / "table.md")
    page = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert page.startswith("| cell | adding two of 50 numbers: squared error | a letter after 20 blanks: accuracy |\n|")
    assert "| lstm | solved in 100 steps (0.1235) | solved in 100 steps (0.123) |\n" in page
    assert "| output_rnn | not in 100 steps (0.1235) | not in 100 steps (0.123) |\n\n" in page
    assert "output_rnn cannot copy: its only memory is its output, which has to be blank while it waits" in page
    assert "at most 4,000 steps of Adam (learning rate adding 0.003, copy 0.001, count 0.003)" in page
    assert "learning rate 0.01)" in notes(Budget(learning_rate=0.01))[1]


def test_cells_may_be_added_to_a_table(trained, tmp_path):
    run(tmp_path / "table.md", cells=("lstm",))
    run(tmp_path / "table.md", cells=("gru",), tasks=("adding",))
    page = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| lstm | solved" in page and "| gru | not in 100 steps (0.1235) |  |" in page
    head, rows = head_and_rows(list(read_outcomes(tmp_path / "table.csv", Budget()).values()))
    assert len(head) == 3 and [row[0] for row in rows] == ["lstm", "gru"]


def test_bad_files_and_names_are_refused(trained, tmp_path):
    with pytest.raises(UserError, match=r"no task called 'ading'.*Did you mean `adding`"):
        run(tmp_path / "table.md", tasks=("ading",))
    with pytest.raises(UserError, match="ends so"):
        run(tmp_path / "table.txt")
    run(tmp_path / "table.md")
    with pytest.raises(UserError, match=r"holds results with other settings .*steps=4000.*steps=5"):
        run(tmp_path / "table.md", budget=Budget(steps=5))
    with open(tmp_path / "table.csv", "a", encoding="utf-8") as file:
        file.write("adding,gru,high,True,1,2,3,\n")
    with pytest.raises(UserError, match=r"table\.csv:6: this is no line of a table of tasks"):
        run(tmp_path / "table.md")


def test_the_commands(trained, tmp_path):
    done = CliRunner().invoke(app, ["language", "tasks", "--cells", "lstm, gru", "--output", str(tmp_path / "t.csv")])
    assert done.exit_code == 0 and "solved in 100 steps" in done.output and "output_rnn cannot copy" in done.output
    assert len(trained[0]) == 2 * len(TASKS)
    wrong = CliRunner().invoke(app, ["language", "tasks", "--cells", "grew"])
    assert wrong.exit_code == 1 and "no cell called 'grew'" in wrong.output
    flow = ["language", "gradients", "--cells", "lstm", "--layers", "1", "--length", "5", "--units", "4"]
    done = CliRunner().invoke(app, [*flow, "--output", str(tmp_path)])
    assert done.exit_code == 0 and "lstm, gates open" in done.output and (tmp_path / "gradients.png").is_file()
    wrong = CliRunner().invoke(app, [*flow, "--layers", "one"])
    assert wrong.exit_code == 2 and "is not a list like 1,2" in wrong.output
