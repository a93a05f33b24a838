"""Makes `metrics.json` beside it: what the COCO scorer says of some captions.

    python tests/golden/make_metrics.py        # needs Java and `pip install pycocoevalcap`

The captions were written for this file. Words come from the scorer's PTBTokenizer (Java), BLEU, ROUGE-L and
CIDEr-D from its own code on ready words.
"""

import importlib.metadata
import json
from pathlib import Path

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

SENTENCES = [
    "A dog's ball , and the dogs' balls .",
    "He can't run, she won't run, they cannot run and it isn't running.",
    "It's the man they're watching; we've seen I'll and he'd and I'm.",
    "They're gonna, wanna and gotta; gimme and lemme.",
    "'Tis late and 'twas dark in the '90s.",
    "A rock 'n' roll band at five o'clock.",
    "Rock'n'roll ma'am, said the cap'n.",
    "In New York. He runs.",
    "Mr. Smith and Mrs. Jones met Dr. Who on St. John st.",
    "The U.S. flag and the u.s. flag in D.C. behind an r.v.",
    "A (big) [red] {wooden} barn.",
    "A sign says \"stop\" and 'go'.",
    "“Curly” and ‘single’ quotes, it’s nice — don’t you think…",
    "A well-dressed 6-year-old in a t-shirt and/or sweater",
    "It costs $5.00 or 3,000 yen, 3.5 percent, at 10:30 on 4/5.",
    "Dog number 23 has a #7 jersey & a white & black collar, 50% off!",
    "wait... what.. ok. . . end",
    "one;two:three,four",
    "A dash - here -- and there --- gone.",
    "Two dogs run!!! Really?! Yes?",
    "a_b \\ | / = + * ~ ^",
    "café naïve CAFÉ über",
    "кошка и собака",
    "<unk> dog and <b>bold</b>",
    "-lrb- already -rrb-",
    "x",
    "A man.",
    "hello.world red,white and 5,red",
    "jack-o'-lantern o'neil d'ye",
    "e-mail me@example.com or http://example.com/a?b=c now",
    "tab\tand   spaces ",
    "The 1990's car is 5' long",
    "'em 'cause 'til more'n",
    "soft\u00adhyphen zero\u200bwidth",
    "€5 and £5 and ½ cup",
    "K-9 unit 4x4 555-1234",
]
IMAGES = [  # candidate, references
    (
        "a dog runs on the grass",
        ["a brown dog runs on green grass", "the dog is running", "a dog on the grass"],
    ),
    (
        "two children play with a ball",
        ["two kids play ball", "children playing with a red ball in a park", "two children"],
    ),
    ("a man a man a man a man", ["a man in a hat stands by a man on a bench", "a man sits", "an old man"]),
    (
        "a red circle above a blue square",
        ["a red circle is above a blue square", "there is a blue square below a red circle"],
    ),
    ("the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    ("snow", ["a skier goes down a hill", "snow covers everything", "white snow"]),
    ("a purple zebra drives carefully", ["people eat dinner outside", "some friends at a table"]),
    ("", ["a boat on the lake", "a small boat"]),
    (
        "a boat on the lake at sunset near the old wooden pier with birds",
        ["a boat on the lake", "a small boat at sunset"],
    ),
    (
        "a <unk> sits on a chair",
        ["a cat sits on a chair", "the cat is sitting", "there is a cat on the chair"],
    ),
    (
        "a man in a red shirt is climbing a rock",
        ["a man in a red shirt is climbing a rock", "a climber on a rock face"],
    ),
    (
        "a woman and her dog",
        [
            "her dog and a woman",
            "a woman walks her dog",
            "woman with dog on a beach",
            "a dog",
            "a beach walk",
        ],
    ),
]


def main():
    tokens = PTBTokenizer().tokenize({n: [{"caption": text}] for n, text in enumerate(SENTENCES)})
    predictions = {n: [candidate] for n, (candidate, _) in enumerate(IMAGES)}
    references = {n: expected for n, (_, expected) in enumerate(IMAGES)}
    bleu, bleus = Bleu(4).compute_score(references, predictions, verbose=0)
    rouge, rouges = Rouge().compute_score(references, predictions)
    cider, ciders = Cider().compute_score(references, predictions)
    corpus = {f"bleu_{n}": value for n, value in enumerate(bleu, start=1)}
    version = f"pycocoevalcap {importlib.metadata.version('pycocoevalcap')}"
    document = {
        "origin": f"{version}, tests/golden/make_metrics.py",
        "tokens": [{"text": text, "words": tokens[n][0]} for n, text in enumerate(SENTENCES)],
        "images": [{"prediction": candidate, "references": expected} for candidate, expected in IMAGES],
        "corpus": {**corpus, "rouge_l": float(rouge), "cider_d": float(cider)},
        "per_caption": {"bleu_4": bleus[3], "rouge_l": rouges.tolist(), "cider_d": ciders.tolist()},
    }
    path = Path(__file__).with_name("metrics.json")
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
