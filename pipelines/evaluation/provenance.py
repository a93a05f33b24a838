"""What a report says of the model: what it was trained on and how, and its settings."""

from pathlib import Path

from pipelines.recipes.recipe import load_recipe


def trained_facts(metadata: dict) -> dict[str, object]:
    """What the model was trained on and how, as far as its metadata tells."""

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
        "images of each split": ", ".join(f"{count:,} {split}" for split, count in splits.items()),
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
