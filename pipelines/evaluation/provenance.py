"""What a report says of the model and of the evaluation itself, the same for captions and for answers."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipelines.data.examples import DataSet
from pipelines.evaluation.reports.write import ReportOptions
from pipelines.evaluation.results import Evaluation
from pipelines.recipes.recipe import load_recipe


@dataclass(frozen=True)
class EvaluatedRun:
    """A run, or another preset, that is evaluated on a split.

    Attributes:
        run: its folder.
        model: with `metadata` and `settings`.
        dataset, split: what it is evaluated on.
        options: of the report.
        others: names of models that take part.
        begun: when, as `time.monotonic` counts.
    """

    run: Path
    model: object
    dataset: DataSet
    split: str
    options: ReportOptions
    others: tuple[str, ...] = ()
    begun: float = field(default_factory=time.monotonic)

    @property
    def names(self) -> str:
        return " and ".join([self.run.resolve().name, *self.others])

    def evaluation(
        self, measured: Mapping[str, object], trained: Mapping[str, object] | None = None, **results
    ) -> Evaluation:
        """The evaluation.

        Args:
            measured: facts on how the scores were computed.
            trained: facts on the training besides those that the metadata tell.
            results: the other fields of `Evaluation`.
        """
        return Evaluation(
            title=f"{self.names} on {self.dataset.name}, {self.split}",
            evaluated={
                "model": self.names,
                "data set": self.dataset.name,
                "data folder": str(self.dataset.root),
                "split": self.split,
                **measured,
                "licence of the images": self.dataset.licence,
                "seconds": round(time.monotonic() - self.begun, 1),
                **when_and_how(self.options),
            },
            trained=trained_facts(self.model.metadata, self.model.settings.kind) | (trained or {}),
            settings=settings_of(self.model, self.run),
            history=self.run / "metrics.csv",
            **results,
        )


def when_and_how(options: ReportOptions) -> dict[str, object]:
    """The date, and the command, where there was one."""
    date = datetime.now().astimezone().isoformat(" ", "minutes")
    return {"date": date, **({"command": options.command} if options.command else {})}


def trained_facts(metadata: dict, kind: str = "captioner") -> dict[str, object]:
    """What a model of a kind was trained on and how, as far as its metadata tells."""

    def part(name: str) -> dict:
        return metadata[name] if isinstance(metadata.get(name), dict) else {}

    splits = part("data_set").get("splits")
    splits = splits if isinstance(splits, dict) else {}
    trained = part("trained")
    if isinstance(trained.get("stages"), list):  # one after another, each of which began with the last one's weights
        stages = [stage for stage in trained["stages"] if isinstance(stage, dict)]
        minutes, epochs = ([stage.get(name) for stage in stages] for name in ("minutes", "epochs"))
        if stages and all(isinstance(value, (int, float)) for value in (*minutes, *epochs)):
            trained = {"seconds": 60 * sum(minutes), "epochs": sum(epochs), **trained}
    facts = {
        "recipe": metadata.get("recipe"),
        "trained on": part("data_set").get("name"),
        f"{'questions' if kind == 'visual_qa' else 'images'} of each split": ", ".join(
            f"{count:,} {split}" for split, count in splits.items() if isinstance(count, int)
        ),
        "epochs": trained.get("epochs"),
        "steps": trained.get("steps"),
        "seconds of training": trained.get("seconds"),
        "parameters": metadata.get("parameters"),
        "words known": metadata.get("vocabulary_size"),
        "licence of the training data": part("data_set").get("licence"),
        "captioner": metadata.get("captioner"),
        "keras": metadata.get("keras"),
    }
    return {name: value for name, value in facts.items() if isinstance(value, (str, int, float)) and value != ""}


def settings_of(model, run: Path) -> dict[str, dict[str, object]]:
    """The run's settings by group: the recipe's where there is one, else the model's."""
    if (run / "recipe.toml").is_file():
        values = load_recipe(str(run / "recipe.toml")).model_dump(mode="json", exclude={"name", "description"})
    else:
        values = model.settings.model_dump(mode="json", exclude={"kind"})
    values.get("data", {}).pop("directory", None)  # a path on somebody's machine tells a reader nothing
    return values
