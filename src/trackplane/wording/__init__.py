"""Words of names and texts, English and Chinese: split, folded, translated and compared.

Pure, and without a service: the glossary, the segmenter's dictionary and the table of pinyin are
part of the installation. All three are read when first needed.
"""

from trackplane.wording.chinese import has_chinese, initials, pinyin
from trackplane.wording.glossary import Glossary, glossary, translate
from trackplane.wording.inflection import normal
from trackplane.wording.similarity import Likeness, Reason, likeness, similarity
from trackplane.wording.terms import Name, analyse
from trackplane.wording.tokens import fold, tokens

__all__ = [
    "Glossary",
    "Likeness",
    "Name",
    "Reason",
    "analyse",
    "fold",
    "glossary",
    "has_chinese",
    "initials",
    "likeness",
    "normal",
    "pinyin",
    "similarity",
    "tokens",
    "translate",
]
