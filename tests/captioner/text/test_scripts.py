"""The tokenizer that fits a script is named, and nothing is said where theirs fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.text import TOKENIZERS
from captioner.text.scripts import tokenizer_hint
from captioner.text.tokenizers import get_tokenizer

CHINESE = ["一只狗在草地上奔跑", "两个人坐在长椅上，看着湖"]
JAPANESE = ["犬が芝生の上を走っている", "ベンチに座っている二人の男性"]
THAI = ["สุนัขวิ่งบนสนามหญ้า", "ผู้ชายสองคนนั่งบนม้านั่ง"]
HINDI = ["एक कुत्ता घास पर दौड़ रहा है", "दो लोग बेंच पर बैठे हैं"]


@pytest.mark.parametrize("texts", [CHINESE, JAPANESE, THAI, [*CHINESE, "a dog runs"]])
@pytest.mark.parametrize("tokenizer", ["ptb", "unicode", "spaces"])
def test_a_script_without_blanks_wants_characters(texts, tokenizer):
    """A sentence would be a word, no two of which are equal: BLEU 0 without a hint at the reason."""
    assert "`characters` fits" in tokenizer_hint(texts, tokenizer)
    assert tokenizer_hint(texts, "characters") == ""


def test_marks_inside_words_want_unicode():
    assert "`unicode` fits" in tokenizer_hint(HINDI, "ptb")
    assert get_tokenizer("ptb").tokenize(HINDI[0]) != HINDI[0].split() == get_tokenizer("unicode").tokenize(HINDI[0])


@pytest.mark.parametrize("tokenizer", TOKENIZERS.names())
@pytest.mark.parametrize(
    "texts",
    [
        ["一 只 狗 在 草地 上 奔跑"],  # cut into words already
        ["개가 잔디 위를 달린다"],
        ["un chien court dans l'été", "cafe\u0301 naïve"],
        ["собака бежит по траве"],
        ["كلب يجري على العشب"],
        ["a sign that says 停 in a street of many words"],
        ["a dog 🐕 runs 🏃🏽‍♀️"],
        ["..."],
        [""],
        [],
    ],
)
def test_other_texts_need_no_other_tokenizer(texts, tokenizer):
    assert tokenizer_hint(texts, tokenizer) == ""


@given(st.lists(st.text()), st.sampled_from(TOKENIZERS.names()))
def test_any_texts_have_a_hint_or_none(texts, tokenizer):
    assert isinstance(tokenizer_hint(texts, tokenizer), str)
