"""What computing a frozen network in bfloat16 costs in BLEU: one model, one split, both precisions.

python -m benchmarks.half_precision runs/flickr8k-attention --data data/flickr8k [--encoder-weights FILE]
python -m benchmarks.half_precision --toy        # a random network on four drawn scenes, as the tests run it
"""

import argparse
import tempfile
from pathlib import Path

from pipelines.utils.console import load_keras

SHOWN = ("bleu_1", "bleu_4", "cider_d")


def main(argv=None) -> dict[str, dict[str, float]]:
    """Captions the split twice and prints both rows of scores; returns them by precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="a trained model with a frozen encoder")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--num-beams", type=int, default=3)
    parser.add_argument("--encoder-weights", type=Path)
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it runs")
    arguments = parser.parse_args(argv)
    load_keras()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.toy:
            arguments.run, arguments.data = toy(Path(folder))
        if not arguments.run or not arguments.data:
            parser.error("give a RUN and --data, or --toy")
        scores = {
            name: _scores(arguments, Path(folder), half) for name, half in (("float32", False), ("bfloat16", True))
        }
    print(f"{'':<12}" + "".join(f"{name:>10}" for name in SHOWN))
    for name, row in scores.items():
        print(f"{name:<12}" + "".join(f"{100 * row[score]:10.2f}" for score in SHOWN))
    loss = {score: scores["float32"][score] - scores["bfloat16"][score] for score in SHOWN}
    print(f"{'loss':<12}" + "".join(f"{100 * loss[score]:10.2f}" for score in SHOWN))
    return scores


def _scores(arguments, folder: Path, half: bool) -> dict[str, float]:
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.presets.folder import read_preset
    from captioner.settings import CaptionerSettings
    from pipelines.data.datasets import read_dataset
    from pipelines.data.features.sources import open_source
    from pipelines.evaluation.metrics import score_split
    from pipelines.inference.batch_captioning import decode_source

    preset = read_preset(arguments.run, kinds={"captioner": CaptionerSettings})
    encoder = preset.settings.encoder.model_copy(update={"half_precision": half})
    settings = preset.settings.model_copy(update={"encoder": encoder})
    captioner = ImageCaptioner(settings, preset.vocabulary, arguments.encoder_weights)
    captioner.network.load_weights(preset.weights)
    dataset = read_dataset(arguments.data)
    examples = dataset.split(arguments.split)
    source, _ = open_source(captioner.encoder, [example.image for example in examples], folder / "cache")
    written = decode_source(captioner, source, num_beams=arguments.num_beams)
    predictions = {examples[index].id: captions[0].text for index, captions in written.items()}
    return score_split(dataset, examples, predictions, settings.text.tokenizer).scores


def toy(folder: Path) -> tuple[Path, Path]:
    """A model with random weights and data that was drawn for it."""
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings
    from captioner.text.vocabulary import Vocabulary
    from pipelines.data.datasets import shapes

    shapes.draw(folder / "data", sizes={"train": 4, "dev": 4})
    settings = CaptionerSettings(
        encoder=EncoderSettings(weights="none", image_size=32, pool=1),
        decoder=DecoderSettings(units=4, embedding_size=4, attention_size=4),
        search=SearchSettings(max_words=3),
    )
    ImageCaptioner(settings, Vocabulary(["a", "red", "circle"])).save_to_preset(folder / "run")
    return folder / "run", folder / "data"


if __name__ == "__main__":
    main()
