"""The network that answers questions as people use it: the same answer alone and in a batch, and after loading."""

import keras
import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.vqa.networks import ImageEncoder
from captioner.models.vqa.preprocessing import count_words, encode_answer, encode_questions
from captioner.models.vqa.visual_qa import VisualQA
from captioner.settings import (
    AnswerSettings,
    BeamSettings,
    CaptionerSettings,
    DecoderSettings,
    EncoderSettings,
    FusionSettings,
    QuestionSettings,
    QuestionTextSettings,
    VisualQASettings,
)
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

WORDS = Vocabulary(["what", "is", "red", "the", "star", "blue", "two", ","], "unicode")
ANSWERS = AnswerList(["yes", "red", "two", "lamp, book"])
ENCODER = EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8})
DECODER = DecoderSettings(units=4, embedding_size=3, attention_size=3, dropout=0.0)
QUESTIONS = ["What is red?", "is the star blue", "the the what is red star", "is two red?"]


pytestmark = pytest.mark.usefixtures("eager")


def make(question="recurrent", fusion="stacked", answer="classes", **options):
    settings = VisualQASettings(
        encoder=ENCODER,
        text=QuestionTextSettings(max_words=5),
        question=QuestionSettings(name=question, units=4, embedding_size=3),
        fusion=FusionSettings(name=fusion, size=5, options=options),
        answer=AnswerSettings(name=answer, decoder=DECODER, search=BeamSettings(max_words=2, length_penalty=1.0)),
    )
    keras.utils.set_random_seed(1)  # of the image encoder
    model = VisualQA(settings, WORDS, ANSWERS if answer == "classes" else None)
    parts = (model.network.questions, model.network.fusion, model.network.head)
    for seed, variable in enumerate(w for part in parts if part is not None for w in part.trainable_variables):
        variable.assign(np.random.default_rng(seed).normal(0, 1, variable.shape))
    return model


@pytest.fixture(scope="module")
def chooses():
    return make()


@pytest.fixture(scope="module")
def writes():
    return make("attending", "question", "words")


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype("float32")


def assert_same(ones, others):
    for answers, expected in zip(ones, others, strict=True):
        assert [answer.text for answer in answers] == [answer.text for answer in expected]
        assert [a.probability for a in answers] == pytest.approx([a.probability for a in expected], abs=1e-5)


@pytest.mark.parametrize("kind", ["chooses", "writes"])
def test_features_of_another_shape_and_images_that_are_not_there_are_refused(kind, request, pictures):
    """An image of number -1 or of number 1.5 was taken, and one too many was an IndexError."""
    model = request.getfixturevalue(kind)
    for wrong in (pictures[0], pictures[..., :1], pictures.reshape(3, -1)):
        with pytest.raises(UserError, match=r"`features` is an array .N, 16, 16, 3."):
            model.answer_features(wrong, QUESTIONS[:3])
    for wrong in ([0, 1, 3], [0, 1, -1], [0, 1], [0, 1, 1.5], 0):
        with pytest.raises(UserError, match="from 0 to 2, for each of the 3 questions"):
            model.answer_features(pictures, QUESTIONS[:3], images=wrong)


@pytest.mark.parametrize("kind", ["chooses", "writes"])
def test_a_question_gets_the_same_answers_wherever_it_stands(kind, request, pictures):
    """Batches are filled up and questions share images: neither may leak into an answer."""
    model = request.getfixturevalue(kind)
    images = [2, 0, 1, 2]
    together = model.answer_features(pictures, QUESTIONS, images=images)
    assert len({answers[0] for answers in together}) == 4, "answers that are alike prove nothing"
    alone = [
        model.answer_features(pictures[image : image + 1], [question], batch_size=1)[0]
        for image, question in zip(images, QUESTIONS, strict=True)
    ]
    assert_same(together, alone)
    assert_same(together, model.answer_features(pictures, QUESTIONS, images=images, batch_size=3))
    assert_same(together[1:3], model.answer_features(pictures[:2], QUESTIONS[1:3]))
    if model.answers:  # the width of a beam search follows what is asked of it
        assert_same(
            [answers[:2] for answers in together[:1]], model.answer_features(pictures[2:], QUESTIONS[:1], top=2)
        )


def test_an_image_is_seen_once_for_all_that_is_asked(chooses, monkeypatch):
    seen = []
    call = ImageEncoder.call
    monkeypatch.setattr(ImageEncoder, "call", lambda self, image: (seen.append(len(image)), call(self, image))[1])
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    found = chooses.answer(picture, QUESTIONS)
    assert seen == [1] and len(found) == 4
    assert_same(found[1:2], [chooses.answer(picture, QUESTIONS[1])])  # one question: a list, not a list of lists


def test_many_images_are_asked_one_question_or_their_own(chooses, tmp_path):
    """A question for each image, a list for each, or one for all; and one that is broken costs no other its answers."""
    pictures = [np.random.default_rng(n).integers(0, 256, (16, 16, 3), np.uint8) for n in range(3)]
    alone = [[chooses.answer(picture, question) for question in QUESTIONS[:2]] for picture in pictures]
    assert_same(chooses.answer(pictures, QUESTIONS[0]), [answers[0] for answers in alone])
    assert_same(chooses.answer(np.stack(pictures), QUESTIONS[:2] + QUESTIONS[:1]),
                [alone[0][0], alone[1][1], alone[2][0]])  # fmt: skip
    mixed = chooses.answer(pictures, [QUESTIONS[:2], QUESTIONS[1], []], batch_size=2)
    assert_same(mixed[0], alone[0])
    assert_same(mixed[1:2], [alone[1][1]])
    assert mixed[2] == []
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    broken = [pictures[0], tmp_path / "bad.jpg", pictures[2]]
    with pytest.raises(UserError, match=r"bad\.jpg"):
        chooses.answer(broken, QUESTIONS[0])
    with pytest.warns(UserWarning, match=r"1 of 3 images left out: .*bad\.jpg"):
        found = chooses.answer(broken, [QUESTIONS[0], QUESTIONS[:2], QUESTIONS[0]], on_error="skip")
    assert found[1] == [[], []]
    assert_same([found[0], found[2]], [alone[0][0], alone[2][0]])
    assert chooses.answer([], QUESTIONS[0]) == [] and chooses.answer(pictures[0], []) == []


@pytest.mark.parametrize(
    ("questions", "options", "said"),
    [
        ("what is red", {"top": -1}, "`top` is a whole number from 1 up; received -1"),
        ("what is red", {"batch_size": 0}, "`batch_size` is a whole number from 1 up; received 0"),
        ("what is red", {"choices": "yes"}, r"`choices` is a list of texts, not a text: write \['yes'\]"),
        ("what is red", {"choices": ["red", None]}, r"`choices\[1\]` is a text; received None"),
        (None, {}, "`questions` is a list of texts; received None"),
        (["what is red", float("nan")], {}, r"`questions\[1\]` is a text; received nan \(a missing value\)"),
    ],
)
def test_arguments_that_cannot_be_are_one_sentence(chooses, questions, options, said):
    picture = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(UserError, match=said):
        chooses.answer(picture, questions, **options)
    with pytest.raises(UserError, match="Each of the 2 images needs a question or a list of them; received 1"):
        chooses.answer([picture, picture], ["what is red"])
    with pytest.raises(UserError, match="1 questions about 2 images"):
        chooses.answer_features(np.zeros((2, 16, 16, 3)), ["what is red"])


def test_classes_are_a_distribution(chooses, pictures):
    answers = chooses.answer_features(pictures[:1], ["what is red"])[0]
    assert sorted(answer.text for answer in answers) == sorted(ANSWERS.answers)
    assert sum(answer.probability for answer in answers) == pytest.approx(1)
    assert answers == sorted(answers, key=lambda answer: -answer.probability)


def test_the_form_of_a_question_limits_its_answers(pictures):
    """Wrong if "is it red?" is answered "red" because that is the likeliest of all answers."""
    answers = AnswerList(["yes", "red", "two", "no"])
    keras.utils.set_random_seed(1)
    model = VisualQA(make().settings, WORDS, answers)
    asked = model.answer_features(pictures[[0, 0]], ["is the star blue", "the star blue"])
    assert {answer.text for answer in asked[0]} == {"yes", "no"}
    assert sum(answer.probability for answer in asked[0]) == pytest.approx(1)
    assert {answer.text for answer in asked[1]} == set(answers.answers)


@pytest.mark.parametrize("probabilities", ["softmax", "sigmoid"])
def test_a_temperature_moves_probabilities_and_no_answer(chooses, pictures, probabilities):
    def answers(temperature):
        changes = {"probabilities": probabilities, "temperature": temperature}
        model = VisualQA(chooses.settings.model_copy(update=changes), WORDS, ANSWERS)
        model.network.set_weights(chooses.network.get_weights())
        return model.answer_features(pictures[:1], ["what is red"])[0]

    sharp, modest = answers(1.0), answers(2.0)
    assert [answer.text for answer in sharp] == [answer.text for answer in modest]
    odds = [np.log(each.probability) for each in sharp], [np.log(each.probability) for each in modest]
    if probabilities == "sigmoid":
        odds = [[np.log(p.probability / (1 - p.probability)) for p in each] for each in (sharp, modest)]
    np.testing.assert_allclose(np.diff(odds[0]), 2 * np.diff(odds[1]), rtol=1e-3)


def test_choices_share_the_probability(chooses, pictures):
    """A set counts in any order, and a choice that was never learned has no probability."""
    question = ["what is red"]
    of = {answer.text: answer.probability for answer in chooses.answer_features(pictures[:1], question)[0]}
    found = chooses.answer_features(pictures[:1], question, choices=[["Book, lamp", "red", "zebra"]])[0]
    both = of["lamp, book"] + of["red"]
    assert {answer.text: pytest.approx(answer.probability) for answer in found} == {
        "book, lamp": of["lamp, book"] / both, "red": of["red"] / both, "zebra": 0.0,
    }  # fmt: skip
    even = chooses.answer_features(pictures[:1], question, choices=[["zebra", "gnu"]])[0]
    assert [(one.text, one.probability) for one in even] == [("zebra", 0.5), ("gnu", 0.5)], "nothing speaks for one"


def test_choices_that_the_model_does_not_know_are_reported(chooses, writes):
    """0.5 each for two unknown choices looked like an answer."""
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    for model in (chooses, writes):
        with pytest.raises(UserError, match="the model knows none of the choices, so nothing speaks for one of them"):
            model.answer(picture, "what is red", choices=["zebra", "gnu"])
        with pytest.warns(UserWarning, match="never learned these choices as answers.*say nothing: 'zebra'$"):
            answers = model.answer(picture, "what is red", choices=["zebra", "red"])
        assert {answer.text for answer in answers} == {"zebra", "red"}
        assert model.unknown_choices(["Lamp, book", "red"]) == ([] if model is chooses else ["Lamp, book"])
    with pytest.warns(UserWarning, match="say nothing: 'blue zebra', 'red gnu'$"):  # words of them are known
        writes.answer(picture, "what is red", choices=["blue zebra", "red gnu"])


def test_people_read_blanks_and_the_data_set_gets_its_own_spelling(pictures):
    """Users saw bottle_of_hand_wash_liquid; a server that scores answers wants what its data set has."""
    words = Vocabulary([*WORDS.words[4:], "night_stand"], "unicode")
    model = VisualQA(make().settings, words, AnswerList(["yes", "night_stand"]))
    answers = model.answer_features(pictures[:1], ["what is red"])[0]
    assert {(answer.text, answer.spelling) for answer in answers} == {
        ("yes", "yes"), ("night stand", "night_stand"),
    }  # fmt: skip
    chosen = model.answer_features(pictures[:1], ["what is red"], choices=[["Night Stand.", "yes"]])[0]
    assert {(answer.text, answer.spelling) for answer in chosen} == {
        ("yes", "yes"), ("night stand", "Night Stand."),
    }  # fmt: skip
    assert all(0 < answer.probability < 1 for answer in chosen), "it is the class with an underscore"
    writer = VisualQA(make("attending", "question", "words").settings, words)
    assert writer.unknown_choices(["night stand", "night_stand", "hat stand"]) == ["hat stand"]


def test_answers_that_were_learned_each_by_itself_have_probabilities_of_their_own(chooses, pictures, tmp_path):
    """Wrong if a model that was trained with a sigmoid an answer tells a softmax: that was never learned."""
    settings = chooses.settings.model_copy(update={"probabilities": "sigmoid"})
    VisualQA(settings, WORDS, ANSWERS).save_to_preset(tmp_path / "model")
    model = VisualQA.from_preset(tmp_path / "model")  # which keeps what its scores mean
    model.network.set_weights(chooses.network.get_weights())
    ids = encode_questions(["what is red"], WORDS, settings.text)
    scores = np.asarray(model.network({"image": pictures[:1], "questions": ids[None]}))[0, 0].astype("float64")
    own = dict(zip(ANSWERS.answers, 1 / (1 + np.exp(-scores)), strict=True))
    found = model.answer_features(pictures[:1], ["what is red"])[0]
    assert {answer.text: answer.probability for answer in found} == pytest.approx(own, rel=1e-4)
    assert abs(sum(own.values()) - 1) > 0.1, "a softmax would look the same"
    shared = chooses.answer_features(pictures[:1], ["what is red"])[0]
    assert [answer.text for answer in found] == [answer.text for answer in shared], "the order is that of the scores"
    chosen = model.answer_features(pictures[:1], ["what is red"], choices=[["two", "zebra", "red"]])[0]
    assert {answer.text: answer.probability for answer in chosen} == pytest.approx(
        {"two": own["two"], "red": own["red"], "zebra": 0.0}, rel=1e-4
    )
    assert chosen == sorted(chosen, key=lambda answer: -answer.probability)


def test_a_written_answer_is_as_likely_as_it_reads(writes, pictures):
    """Search and likelihood are two ways through the decoder; as choices, answers share what they have when written."""
    for question in QUESTIONS[:2]:
        written = writes.answer_features(pictures[:1], [question], top=3)[0]
        total = sum(answer.probability for answer in written)
        texts = [answer.text for answer in written]
        chosen = writes.answer_features(pictures[:1], [question], choices=[texts])[0]
        expected = [answer.probability / total for answer in sorted(written, key=lambda answer: -answer.probability)]
        assert [answer.probability for answer in chosen] == pytest.approx(expected, abs=1e-4)


def test_open_and_multiple_choice_in_one_batch(writes, pictures):
    choices = [None, ["red", "two star", "the blue star"], None]
    mixed = writes.answer_features(pictures, QUESTIONS[:3], choices=choices)
    open_ones = writes.answer_features(pictures, QUESTIONS[:3])
    assert_same(mixed[::2], open_ones[::2])
    assert [len(answers) for answers in mixed][1] == 3
    assert sum(answer.probability for answer in mixed[1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("question", "fusion", "attention_axis", "rows"),
    [("recurrent", "stacked", "hops", 2), ("attending", "question", "words", 5), ("vis_lstm", "product", None, 0)],
)
def test_where_it_looked(question, fusion, attention_axis, rows, pictures):
    model = make(question, fusion)
    looked = model.attention_maps(pictures, QUESTIONS, images=[0, 1, 2, 0])
    assert model.attention_axis == attention_axis
    if attention_axis is None:
        assert looked is None
        return
    assert looked.shape == (4, rows, 2, 2)
    np.testing.assert_allclose(looked.sum(axis=(-2, -1)), 1.0, rtol=1e-5)
    assert np.abs(looked[0] - model.attention_maps(pictures[1:2], QUESTIONS[:1])[0]).max() > 1e-4


def test_what_is_left_out_is_not_built(pictures):
    """The baselines must not see what they are to do without, nor carry its weights."""
    blind, deaf = make(fusion="question"), make(fusion="image")
    assert blind.network.image_encoder is None and deaf.network.questions is None
    assert_same(*(blind.answer_features(pictures[n : n + 1], ["what is red"]) for n in (0, 1)))
    assert_same(*(deaf.answer_features(pictures[:1], [question]) for question in QUESTIONS[:2]))


@pytest.mark.parametrize("kind", ["chooses", "writes"])
def test_saved_and_loaded_it_answers_the_same(kind, request, pictures, tmp_path):
    model = request.getfixturevalue(kind)
    model.save_to_preset(tmp_path / "model", {"recipe": "a"})
    back = VisualQA.from_preset(tmp_path / "model")
    assert back.answer_features(pictures, QUESTIONS[:3]) == model.answer_features(pictures, QUESTIONS[:3])
    assert back.metadata["recipe"] == "a" and back.answers == model.answers
    assert (tmp_path / "model/answers.txt").is_file() == (kind == "chooses")


def test_a_changed_list_of_answers_is_refused(chooses, tmp_path):
    """In another order, every answer would be another one."""
    chooses.save_to_preset(tmp_path)
    (tmp_path / "answers.txt").write_text("red\nyes\ntwo\nlamp, book\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"answers\.txt is damaged or belongs to another model"):
        VisualQA.from_preset(tmp_path)
    (tmp_path / "answers.txt").unlink()
    with pytest.raises(UserError, match=r"answers\.txt is missing"):
        VisualQA.from_preset(tmp_path)


def test_a_model_of_the_other_kind_is_named(chooses, tmp_path):
    chooses.save_to_preset(tmp_path / "asks")
    with pytest.raises(UserError, match="answers questions about images: use `captioner ask`"):
        ImageCaptioner.from_preset(tmp_path / "asks")
    ImageCaptioner(CaptionerSettings(encoder=ENCODER, decoder=DECODER), Vocabulary(["a"])).save_to_preset(
        tmp_path / "c"
    )
    with pytest.raises(UserError, match="a captioning model: use `captioner caption`"):
        VisualQA.from_preset(tmp_path / "c")


@pytest.mark.parametrize(
    ("question", "choices", "message"),
    [
        (" ?! ", None, "holds no words"),
        ("what", ["red"], "at least 2 choices, and here is 1"),
        ("what", ["red", "blue", "Red."], "the choices repeat 'Red.'"),
        ("what", ["lamp, book", "book, lamp"], "the choices repeat 'book, lamp'"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_sentence(chooses, pictures, question, choices, message):
    with pytest.raises(UserError, match=message):
        chooses.answer_features(pictures[:1], [question], choices=[choices])


def test_unknown_words_are_told_and_answered(chooses, pictures):
    assert chooses.unknown_words("what is zebra gnu?") == ["zebra", "gnu"]
    assert len(chooses.answer_features(pictures[:1], ["zebra gnu"])[0]) == 4
    assert chooses.question_words("What is red, the star?") == ["what", "is", "red", "the", "star"]


def test_settings_that_contradict_each_other_are_refused():
    settings = VisualQASettings(encoder=ENCODER)
    with pytest.raises(UserError, match="needs a list of answers to choose from, received none"):
        VisualQA(settings, WORDS)
    with pytest.raises(UserError, match=r"has no option `hop`\. Did you mean `hops`"):
        make(fusion="stacked", hop=2)


def test_words_of_questions_and_of_answers():
    """Answers come back letter for letter; they are counted only where they are written."""
    text = QuestionTextSettings(max_words=3)
    assert "garbage_bin" not in count_words(text, ["what is it?"])
    words = count_words(text, ["what is it?"], ["garbage_bin, 1,000"])
    ids = encode_answer("Garbage_bin, 1,000.", words, 6)
    assert words.decode(ids) == ["garbage_bin", ",", "1,000"]
    assert encode_questions(["what?", "what is it now"], words, text)[:, 1:].tolist() == [
        [0, 0], words.encode_words(["is", "it"]),
    ]  # fmt: skip
