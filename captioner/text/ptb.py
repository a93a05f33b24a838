"""Words as the COCO caption scorer counts them: lower case, Penn Treebank splits, no punctuation.

The COCO scorer runs Stanford's PTBTokenizer (Java) and drops a list of punctuation marks. This is the same as
one regular expression, written from the Penn Treebank conventions and compared with the scorer's output:
clitics are words ("dog 's", "is n't"), hyphens and slashes inside a word join, brackets become "-lrb-", an
abbreviation keeps its period, and what cannot be seen is no word. All of 35,000 Flickr8k captions get exactly the
scorer's words. Known to differ: smileys, "y'all", "AT&T", "6 ft. tall", what Java's tokenizer takes for an address,
and emoji that are made of a symbol: every emoji is dropped here, while the scorer keeps the heart of a red heart.

Sources: the COCO caption scorer (https://github.com/tylin/coco-caption, `ptbtokenizer.py`), whose list of
marks this is; Penn Treebank tokenisation (Robert MacIntyre's `tokenizer.sed`, 1995).
"""

import re
from collections.abc import Sequence

from captioner.text.tokenizers import ChunkTokenizer, compose

_DROPPED = re.compile(r"[`'\",:;?!]|''|``|\.+|-+")
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_OPENED = {word: bracket for bracket, word in _BRACKETS.items()}

# Typewriter marks for typographic ones. The Penn Treebank's keyboard had no euro, no pound and no one-half.
_TYPEWRITER = str.maketrans(
    {
        **dict.fromkeys("‘’‛´", "'"),
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("–—―", "--"),
        **dict.fromkeys("\u00ad\u200c\u200d\u2060\ufeff", ""),
        "…": "...",
        "€": "$",
        "£": "#",
        "½": " 1/2 ",
        "¼": " 1/4 ",
        "¾": " 3/4 ",
        "\u200b": " ",
    }
)

# An emoji that is made of a symbol: one that is tied to another emoji, or that is to be shown as an emoji. The same
# symbol alone is a word. The other emoji lie above U+FFFF.
_EMOJI = re.compile(r"\u200d[^\w\s]\ufe0f? | [^\w\s]\ufe0f", re.VERBOSE)
# Controls, marks of direction, selectors of variants, private characters: the scorer leaves them out, too.
_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\u034f\u061c\u180e\u200e\u200f\u202a-\u202e\u2061-\u206f\u20e3\ue000-\uf8ff\ufe00-\ufe0f"
    r"\ufff9-\ufffd"
)

_END = r"(?![^\W_])"  # no letter or digit follows, so that "o'clock" and "n'roll" have no clitic
_NOT = "n't"  # whatever follows: otherwise "n'tn'tn't" would be peeled one at a time, in quadratic time
_MOST_CLITICS = 4  # of a word, more than English has: each is looked at with all before it
_ABBREVIATIONS = (
    "mr|mrs|ms|dr|st|jr|sr|vs|etc|inc|co|corp|ltd|bros|ave|blvd|rd|dept|gen|gov|lt|col|capt|sgt|prof|rev|mt|ph\\.d|"
    "jan|feb|aug|sept|oct|nov|dec"
)
_PIECES = re.compile(
    rf"""
      https?://\S+ | www\.\S+ | [\w.+-]{{1,64}}@\w[\w-]*(?:\.\w+)+      # addresses
    | </?[a-z][^<>\s]*>                                               # <unk> is one word, not three
    | -[lr][rsc]b-                                                    # a bracket that is a word already
    | can(?=not{_END}) | (?:gon|wan)(?=na{_END}) | got(?=ta{_END}) | (?:gim|lem)(?=me{_END})
    | more(?='n{_END}) | d'ye{_END}
    | 'n' | '(?:em|cause|til|n|t){_END} | 't(?=is{_END}|was{_END}) | '\d0s{_END}
    | '(?:s|m|d|re|ve|ll){_END} | {_NOT}                              # clitics
    | (?:{_ABBREVIATIONS})\.{_END} | [a-z]\.(?:[a-z]\.)*{_END}        # mr.  u.s.
    | [\#@][a-z]\w*
    | \d+(?:[.,:/-]\d+)+{_END} | \d+(?:[.,:]\d+)+                     # 3,000  10:30  555-1234
    | (?:(?!{_NOT})\w)+                                               # a word, up to its clitic
      (?:(?:[-./] | (?<=[a-z])'(?!n'|(?:s|m|d|re|ve|ll){_END})) (?:(?!{_NOT})[^\W_])+)*
    | [?!]+ | \.+ | -+
    | [^\s{_UNSEEN}\U00010000-\U0010ffff]                            # emoji are no words to the scorer
    """,
    re.VERBOSE,
)


class _PtbTokenizer(ChunkTokenizer):
    name = "ptb"

    def normalise(self, text: str) -> str:
        if text.isascii():
            return text.lower()
        # Composed again at the end: the table takes out what kept a letter and its accent apart.
        return compose(_EMOJI.sub(" ", compose(text)).translate(_TYPEWRITER).lower())

    def split(self, chunk: str) -> list[str]:
        pieces = [_BRACKETS.get(piece, piece) for piece in _PIECES.findall(chunk)]
        return [piece for piece in pieces if not _DROPPED.fullmatch(piece)]

    def detokenize(self, words: Sequence[str]) -> str:
        """Words to text: a clitic joins its word wherever it would part from it again.

        >>> PTB.detokenize(["a", "dog", "'s", "ball", "is", "n't", "-lrb-", "red", "-rrb-"])
        "a dog's ball isn't ( red )"
        """
        chunks: list[str] = []
        clitics = 0  # of the last chunk
        for word in words:
            if chunks and clitics < _MOST_CLITICS and (word == "n't" or word.startswith("'")):
                joined = chunks[-1] + word
                if self.chunk_words(joined) == (*self.chunk_words(chunks[-1]), word):
                    chunks[-1] = joined
                    clitics += 1
                    continue
            chunks.append(_OPENED.get(word, word))
            clitics = 0
        return " ".join(chunks)


PTB = _PtbTokenizer()
