"""A WordNet of eight words, for tests that need one: the same files as the real one has, in a folder."""

from pathlib import Path

# name -> (words, name of what is above it)
NOUNS = {
    "entity": (["entity"], None),
    "animal": (["animal", "beast"], "entity"),
    "dog": (["dog", "hound"], "animal"),
    "cat": (["cat"], "animal"),
    "child": (["child", "kid"], "entity"),
}


def write_wordnet(folder: Path) -> Path:
    """Writes the files; `dog` and `hound`, and `child` and `kid`, mean the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("noun", "verb", "adj", "adv"):
        for name in (f"index.{part}", f"data.{part}", f"{part}.exc"):
            (folder / name).write_text("")
    # A line begins with its own place in the file, and names that of the one above.
    lines, place = {}, 0
    for name in NOUNS:
        lines[name] = _line(name, dict.fromkeys(NOUNS, 0), 0)
    places = {}
    for name, line in lines.items():
        places[name], place = place, place + len(line)
    (folder / "data.noun").write_text("".join(_line(name, places, places[name]) for name in NOUNS))
    of_word = {word: places[name] for name, (words, _) in NOUNS.items() for word in words}
    index = [f"{word} n 1 1 @ 1 0 {at:08}  \n" for word, at in sorted(of_word.items())]
    (folder / "index.noun").write_text("".join(index))
    (folder / "noun.exc").write_text("children child\n")
    return folder


def _line(name: str, places: dict[str, int], place: int) -> str:
    words, above = NOUNS[name]
    listed = " ".join(f"{word} 0" for word in words)
    pointer = f"001 @ {places[above]:08} n 0000" if above else "000"
    return f"{place:08} 03 n {len(words):02x} {listed} {pointer} | nothing more  \n"
