"""The benchmarks run, at toy size, so that none of them rots."""

import shutil

import pytest

from benchmarks import (
    agreement,
    answers,
    archives,
    beam,
    caption,
    cells,
    diversity,
    dropout,
    engines,
    half_precision,
    hostile_text,
    language,
    many_machines,
    metrics,
    reward,
    serving,
    tokenizer,
)
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from tests.support_training import running_eagerly

pytestmark = pytest.mark.long


def test_the_beam_benchmark_measures_every_row():
    rates = beam.main(["--toy", "--beams", "1", "2"])
    assert set(rates) == {"compiled, K=1", "compiled, K=2", "eager, K=3"}
    assert all(rate > 0 for rate in rates.values())


def test_the_archives_benchmark_measures_every_kind_of_archive():
    kinds = ["files", "parquet", "tar", "parquet, hub"]
    ratios = archives.main(["--toy"])
    assert list(ratios) == [f"{work}, {kind}" for work in ("shuffled", "in order") for kind in kinds]
    assert all(ratio > 0 for ratio in ratios.values()) and ratios["shuffled, files"] == 1
    assert list(archives.main(["--toy", "--memory"])) == kinds


def test_the_cells_benchmark_measures_cells_beside_keras():
    ratios = cells.main(["--toy", "--cells", "rnn", "mut2"])
    assert list(ratios) == ["keras.layers.LSTM", "rnn", "mut2"] and ratios["keras.layers.LSTM"] == 1
    assert all(ratio > 0 for ratio in ratios.values())


def test_the_metrics_benchmark_runs():
    pytest.importorskip("pycocoevalcap")
    assert metrics.main(["--toy"]) > 0


def test_the_benchmark_of_engines_runs():
    pytest.importorskip("nncf")
    rates = engines.main(["--toy"])
    assert list(rates) == ["keras", "openvino", "openvino int8"] and min(rates.values()) > 0


def test_the_benchmark_of_the_service_loses_no_request():
    """Wrong also if the service writes other captions than the command."""
    pytest.importorskip("uvicorn")
    table = serving.main(["--toy"])
    assert table["load: ratio"] > 0 and table["alone: ratio"] > 0 and table["memory: ratio"] > 0
    assert table["load: captions alike"] == 1
    assert table["load: requests lost"] == table["memory: requests not answered"] == 0
    assert table["overload: other than 200, 4xx, 503"] == 0 < table["overload: status 200"]


def test_the_benchmark_of_hostile_text_runs():
    growth = hostile_text.main(["--toy"])
    assert len(growth) > 10 and all(times > 0 for times in growth.values())


def test_the_benchmark_of_many_machines_runs():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'captioner[ray]'")
    table = many_machines.main(["--links", "300"])
    assert list(table) == [f"{n} files, {what}" for n in (30, 300) for what in ("driver, MB", "files/s")]


def test_the_agreement_benchmark_runs():
    shares = agreement.main(["--toy"])
    assert {metric for metric, _ in shares} >= {"bleu_4", "cider_d", "meteor"}
    assert all(share > 0.5 for (metric, _), share in shares.items() if metric == "meteor")


@pytest.mark.skipif(not shutil.which("java"), reason="the COCO scorer's tokenizer is written in Java")
def test_the_tokeniser_benchmark_counts_captions_with_other_words(monkeypatch):
    pytest.importorskip("pycocoevalcap")
    monkeypatch.setattr(tokenizer, "_captions", lambda _: ["A dog's ball.", "two dogs", "y'all run", "a cat (sits)"])
    assert tokenizer.main([]) == 0.75, "y'all is known to differ"


def test_the_answers_benchmark_runs(capsys):
    assert answers.main(["--toy"]) > 0
    assert "20 questions" in capsys.readouterr().out


def test_the_dropout_benchmark_measures_beside_keras():
    times = dropout.main(["--shape", "4", "3", "8", "--rounds", "1"])
    assert list(times) == ["none", "captioner", "keras.layers.Dropout"] and min(times.values()) > 0


def test_the_reward_benchmark_clocks_every_reward():
    with running_eagerly():
        times = reward.main(["--toy", "--steps", "2"])
    assert 0 < times["reward"] < times["step"]


def test_precision_is_compared_on_the_same_images():
    """Rows of the two precisions that were made from the same features would hide a loss."""
    scores = half_precision.main(["--toy"])
    assert set(scores) == {"float32", "bfloat16"}
    assert all("bleu_4" in row for row in scores.values())


def test_the_diversity_benchmark_compares_searches_of_the_same_size():
    table = diversity.main(["--toy"])
    assert list(table) == ["beam search, K = 2", "diverse, K = 2, 2 groups, 1"]
    assert all(0 < row["distinct-1"] <= 1 and row["best of K"] >= row["first"] >= 0 for row in table.values())


def test_the_caption_benchmark_measures_decoding():
    table = caption.main(["--decode", "--count", "2", "--rounds", "1"])
    assert set(table) == {"decode, ms", "decode without draft, ms"} and min(table.values()) > 0


def test_the_caption_benchmark_shows_a_model_images_of_its_own_size(tmp_path):
    """Wrong if only models of 224 pixels can be measured: the installed one sees more."""
    encoder = {"name": "vgg16", "weights": "none", "image_size": 48}
    decoder = {"units": 4, "embedding_size": 4, "attention_size": 4}
    settings = CaptionerSettings.model_validate({"encoder": encoder, "decoder": decoder})
    ImageCaptioner(settings, Vocabulary(["a", "dog"])).save_to_preset(tmp_path)
    table = caption.main(["--toy", "--model", str(tmp_path)])
    assert table["bare, batch 2, images/s"] > 0 and table["ratio"] > 0


def test_the_caption_benchmark_measures_the_whole_way():
    table = caption.main(["--toy"])
    assert table["ratio"] > 0 and table["ratio of processor time"] > 0


def test_memory_does_not_grow_with_the_number_of_files():
    """A folder of photographs that took a week to fill must not take the machine down. Peaks of two processes."""
    table = caption.main(["--memory", "8000"])
    few, many = table.values()
    assert many < few + 25, f"8,000 files took {many - few:.0f} MB more than 1,000"


def test_the_language_benchmark_measures_learning_and_writing():
    rates = language.main(["--toy", "--no-xla", "--cells", "lstm", "mut1"])
    assert set(rates) == {"keras.layers.LSTM", *(f"{what}, {cell}" for what in ("learning", "writing")
                                                 for cell in ("lstm", "mut1"))}  # fmt: skip
    assert all(rate > 0 for rate in rates.values())
