"""The reference scorer itself, where the extra `coco` is installed: BLEU, ROUGE-L, CIDEr-D and METEOR 1.5."""

import contextlib
import io
import os
import shutil
import threading
from collections.abc import Mapping, Sequence

from captioner.metrics.base import Metric, Prominence, Score

_NAMES = ("coco_bleu_1", "coco_bleu_2", "coco_bleu_3", "coco_bleu_4", "coco_rouge_l", "coco_cider_d", "coco_meteor")
_LABELS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D", "METEOR 1.5")
_PATIENCE = 120, 0.2  # seconds until METEOR is taken for dead: at all, and for each image


class CocoScorer(Metric):
    """The reference scorer of COCO's captions. It gives the scores of a whole set, and no rows."""

    scores = tuple(
        Score(name, f"{label}, COCO scorer", interval=False,
              prominence=Prominence.PLAIN if name == "coco_meteor" else Prominence.DETAIL)
        for name, label in zip(_NAMES, _LABELS, strict=True)
    )  # fmt: skip


def coco_scores(
    predictions: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> tuple[dict[str, float], list[str]]:
    """`(scores, sentences)`: the scores that could be had, and a sentence for each thing that could not.

    Its words come from the Java tokenizer it brings. Without Java there is neither that nor METEOR.
    """
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.meteor.meteor import Meteor
        from pycocoevalcap.rouge.rouge import Rouge
        from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
    except ImportError:
        return {}, ["The COCO scorer is not installed: pip install 'captioner[coco]'. The other scores are complete."]
    if not shutil.which("java"):
        return {}, ["The COCO scorer needs Java, and there is none on the PATH. The other scores are complete."]
    try:
        with _quiet():
            texts = {image: [{"caption": caption} for caption in references[image]] for image in predictions}
            expected = PTBTokenizer().tokenize(texts)
            texts = {image: [{"caption": caption}] for image, caption in predictions.items()}
            predicted = PTBTokenizer().tokenize(texts)
        # A tokenizer that dies writes nothing, or half, and says nothing.
        if any(
            len(expected.get(image, ())) != len(references[image]) or image not in predicted for image in predictions
        ):
            raise RuntimeError("it wrote less than it was given")
    except Exception as error:
        return {}, [f"The COCO scorer's tokenizer died ({_why(error)}). The other scores are complete."]
    scores, sentences = {}, []
    named = ((Bleu, _NAMES[:4]), (Rouge, _NAMES[4:5]), (Cider, _NAMES[5:6]), (Meteor, _NAMES[6:]))
    for scorer, names in named:
        try:
            with _quiet():
                score = _score(scorer(), expected, predicted)
            scores |= dict(zip(names, map(float, score if isinstance(score, list) else [score]), strict=True))
        except Exception as error:  # METEOR is another process, and may die in any way
            sentences.append(
                f"The COCO scorer's {scorer.__name__} died ({_why(error)}). The other scores are complete."
            )
    return scores, sentences


def _score(scorer, expected, predicted):
    """The corpus score; a process behind the scorer that does not answer is ended."""
    process = getattr(scorer, "meteor_p", None)
    at_all, each = _PATIENCE
    watch = threading.Timer(at_all + each * len(predicted), process.kill) if process else None
    try:
        if watch:
            watch.daemon = True
            watch.start()
        return scorer.compute_score(expected, predicted)[0]
    except BaseException:
        lock = getattr(scorer, "lock", None)
        if lock is not None and lock.locked():
            lock.release()  # it keeps it after an error, and would wait for it for ever when it is cleared away
        if process:
            with contextlib.suppress(OSError):
                process.stdin.close()  # a second time, when it is cleared away, this says nothing
        raise
    finally:
        if watch:
            watch.cancel()


def _why(error: Exception) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:120]


@contextlib.contextmanager
def _quiet():
    """Keeps its Java processes and its own prints off the terminal."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(io.StringIO()):
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
