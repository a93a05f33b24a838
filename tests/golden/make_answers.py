"""Makes answers.json: what the authors' own programs say of some answers.

    python -m tests.golden.make_answers VQA/PythonEvaluationTools/vqaEvaluation/vqaEval.py

The file is that of https://github.com/GT-Vision-Lab/VQA; WordNet 3.0 has to be installed. WUPS is the formula of the
authors' `calculate_wups.py` over `nltk`'s own Wu-Palmer similarity, without anything of ours.
"""

import importlib.util
import json
import random
import sys
from math import prod
from pathlib import Path
from types import SimpleNamespace

from captioner.text.wordnet import open_wordnet

RAW = [
    "yes", "Yes.", " NO ", "the dog", "A man and a woman", "an apple", "two", "Twenty two", "none", "ten", "t-shirt",
    "t - shirt", "black/white", "black / white", "red,white", "red, white", "1,000", "1,000 dogs - or so", "3.5", "3.",
    ".5", "10.30 a.m.", "dont know", "don't", "couldnt've", "couldn'tve", "couldntve", "hes", "shes", "somebody'd",
    "'ow'sat", "yalld've", "hot-dog!", "what?", "\"stop\"", "o'clock", "12 oclock", "a", "the the", "new\nline",
    "tab\there", "e-mail@home", "C++", "(left)", "half_full", "rock n' roll", "",
]  # fmt: skip
SAID = {  # an answer as it is published -> as somebody else may write it
    "yes": "Yes.", "no": "no", "2": "Two", "3": "3", "dog": "the dog", "brown dog": "A brown dog", "t shirt": "t-shirt",
    "don't know": "dont know", "0": "none", "left": "(left)",
}  # fmt: skip
TRUE = [
    "table", "chair", "book, lamp", "lamp, book, book", "garbage_bin", "door", "2", "white", "cup, bottle, table",
    "photo", "sofa", "tape_dispenser", "dogs", "animal",
]  # fmt: skip
GIVEN = [
    "table", "desk", "sofa", "lamp, book", "book", "bin", "window", "3", "red", "cup, bottle", "picture", "couch",
    "dog", "cat", "book, chair", "unheard_of", "wolf",
]  # fmt: skip


def official(path: str):
    specification = importlib.util.spec_from_file_location("vqaEval", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.VQAEval


def accuracy(evaluation, prediction: str, answers: list[str]) -> float:
    """Answers as they are published: normalised, and not all the same."""
    people = [{"answer": answer, "answer_id": n} for n, answer in enumerate(answers, 1)]
    truth = {"answers": people, "question_type": "", "answer_type": ""}
    vqa = SimpleNamespace(qa={1: truth}, getQuesIds=lambda: [1])
    one = evaluation(vqa, SimpleNamespace(qa={1: {"answer": prediction}}), n=10)
    one.evaluate([1])
    return one.evalQA[1] / 100


def wup(wordnet, a: str, b: str, threshold: float) -> float:
    if a == b:
        return 1.0
    senses = wordnet.synsets(a, pos="n"), wordnet.synsets(b, pos="n")
    best = max((x.wup_similarity(y) for x in senses[0] for y in senses[1]), default=0.0)
    return best * (0.1 if best < threshold else 1.0)


def wups(wordnet, true: str, given: str, threshold: float) -> float:
    t, a = ([item.strip() for item in side.split(",")] for side in (true, given))
    left = prod(max(wup(wordnet, x, y, threshold) for y in a) for x in t)
    right = prod(max(wup(wordnet, y, x, threshold) for x in t) for y in a)
    return min(left, right)


def main(path: str):
    evaluation, wordnet, draw = official(path), open_wordnet(), random.Random(0)
    blank = evaluation(SimpleNamespace(getQuesIds=list), None)
    clean = [text.replace("\n", " ").replace("\t", " ").strip() for text in RAW]
    accuracies = []
    while len(accuracies) < 60:
        pool = draw.sample(list(SAID), draw.randrange(2, 5))
        answers = [draw.choice(pool) for _ in range(10)]
        if len(set(answers)) > 1:
            prediction = SAID[draw.choice([*pool, *pool, *SAID])]
            accuracies.append([prediction, answers, accuracy(evaluation, prediction, answers)])
    golden = {
        "origin": "GT-Vision-Lab/VQA vqaEval.py (processPunctuation, processDigitArticle, evaluate); the formula of "
        "Malinowski's calculate_wups.py over nltk's wup_similarity and WordNet 3.0; made by make_answers.py",
        "normalised": [
            [raw, blank.processDigitArticle(blank.processPunctuation(text))]
            for raw, text in zip(RAW, clean, strict=True)
        ],
        "vqa_accuracy": accuracies,
        "wups": [
            [true, given, wups(wordnet, true, given, 0.9), wups(wordnet, true, given, 0.0)]
            for true in TRUE
            for given in GIVEN
        ],
    }
    lines = json.dumps(golden, ensure_ascii=True, separators=(",", ":")).replace("],[", "],\n[")
    Path(__file__).with_name("answers.json").write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
