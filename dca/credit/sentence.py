"""Where sentences end, in prose that is full of numbers.

A full stop ends a sentence unless it belongs to a number, a list marker, an abbreviation or an initial.
This module knows the abbreviations of English mathematical prose and the full stops of other scripts; it knows no
grammar, so a sentence that ends in "Fig." or begins in lower case after "ft." is joined to the next.
"""

from __future__ import annotations

import re
from typing import Final

from dca.credit.protected import NL, SP

_CLOSE: Final = r"(?:[\"'”’»)\]}*_`$]|\\[\])])*+"
_END: Final = re.compile(
    rf"""
      (?<![.!?…])(?P<stop>[.!?…؟۔।॥]++)(?P<close>{_CLOSE})(?P<gap>\s++)
      (?=[^\s=+×÷>≤≥≠≈/,;:|&^%)\]}}»”’.…!?])
    | (?<![。！？｡．])(?P<wide>(?:[。！？｡]|．(?!\d))++[”’」』）】》〉"')\]*]*+\s*+)(?=\S)
    | (?<=\S)(?P<formula>\$|\\[\])])(?P<space>\s++)(?=[A-Z][a-z])
    """,
    re.VERBOSE,
)
_BREAK: Final = re.compile(rf"(?>\r\n|[{NL}])(?P<blank>(?:{SP}*+[{NL}])*+)")
_CONTINUED: Final = re.compile(rf"{SP}*+[a-z]{{2,}}\b(?!\))")
_WORD: Final = re.compile(r"[^\W\d_]+")
_MARKER: Final = re.compile(
    r"[\s#>*_(\-]*(?:(?:step|case|part|stage|phase|claim|lemma|example|method|option)\s*)?"
    r"(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[*_]*",
    re.IGNORECASE,
)
_INITIALS: Final = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]$")


def _words(listed: str) -> frozenset[str]:
    """A set of words, written as a person would."""
    return frozenset(listed.split())


# Never the end of a sentence.
_OPEN: Final = _words("e.g i.e eg ie cf vs viz approx resp w.r.t s.t a.k.a incl excl")
_TITLES: Final = _words("dr mr mrs ms prof st gen gov sen rep capt lt col sgt rev hon mt messrs")
# The end of a sentence, unless a number follows.
_REFERENCES: Final = _words(
    "eq eqs eqn eqns fig figs sec sect thm def prop lem cor ex ch chap vol no nos p pp art tab ref refs"
)
# The end of a sentence, if the next one begins with a capital letter.
_SHORT: Final = _words(
    """
    in ft yd mi lb lbs oz min mins sec secs hr hrs cm mm km kg mg ml gal qt pt sq tbsp tsp max avg est
    dept etc al jr sr inc co ltd corp univ ed eds jan feb mar apr jun jul aug sept sep oct nov dec mon
    tue tues wed thu thur thurs fri sat sun
    """
)
# After a lone letter, these begin a sentence: "at point A. Then", but "by J. Smith".
_STARTERS: Final = _words(
    """
    a after again all also alternatively an and any as at because but by check combining consider each
    either finally first for from given he hence here how however i if in indeed instead it its let like
    likewise look moreover next no not note now of on once or otherwise our second she similarly since
    so solving step subtract suppose that the then there therefore these they thirdly this those thus to
    using wait we what when where which while why with yes you
    """
)
_BEFORE_LETTER: Final = _words("is are be equals option choice answer point vertex angle side event set")
_RELATIONS: Final = "=<>≤≥≠≈+-*/^:"


def sentence_cuts(text: str) -> list[int]:
    """The offsets at which a new sentence begins.

    A line end is one too, unless the next line goes on in lower case.

    >>> text = "Dr. Who pays $3.50, i.e. 7/2. Is 3! = 6? Yes."
    >>> [text[i:] for i in sentence_cuts(text)]
    ['Is 3! = 6? Yes.', 'Yes.']
    """
    return sorted({*_stops(text), *_breaks(text)})


def _breaks(text: str) -> list[int]:
    """Line ends that also end a sentence."""
    return [m.end() for m in _BREAK.finditer(text) if m["blank"] or not _CONTINUED.match(text, m.end())]


def _stops(text: str) -> list[int]:
    """Full stops and their kin that end a sentence."""
    cuts, begin = [], 0
    for m in _END.finditer(text):
        at = m.end()
        if "\n" in (m["gap"] or "") and not text[at].islower():
            continue  # the line end is a cut already
        if m["wide"] or (_opens(text, at) if m["formula"] else _is_end(text, begin, m)):
            begin = at
            cuts.append(at - _indent(m["gap"] or m["space"] or ""))
    return cuts


def _opens(text: str, at: int) -> bool:
    """Whether the capitalised word at `at` begins a sentence, though a formula without a full stop precedes it."""
    found = _WORD.match(text, at)
    word = found.group().lower() if found else ""
    return word in _STARTERS or word.endswith("ing")


def _indent(gap: str) -> int:
    """How many characters of white space between two sentences belong to the second one's line."""
    last = max(map(gap.rfind, NL))
    return len(gap) - 1 - last if last >= 0 else 0


def _is_end(text: str, begin: int, m: re.Match[str]) -> bool:
    """Whether a stop, with what surrounds it, ends the sentence that began at `begin`."""
    stop, following = m["stop"], text[m.end()]
    if stop == ".":
        return _is_full_stop(text, begin, m, following)
    operand = stop == "!" and _is_operand(text[max(0, m.start() - 2) : m.start()])
    if following.islower():
        return not m["close"] and not operand and ("?" in stop or "!" in stop)
    if stop.strip(".…"):
        return following.isupper() or not operand
    return following.isalpha()


def _is_operand(before: str) -> bool:
    """Whether an exclamation mark after these two characters may be a factorial: of a number, bracket or letter."""
    last, earlier = before[-1:], before[:-1]
    return last.isdecimal() or last in (")", "}") or (last.isalpha() and not earlier.isalpha())


def _is_full_stop(text: str, begin: int, m: re.Match[str], following: str) -> bool:
    """Whether a single full stop ends a sentence."""
    at = m.start()
    head = text[max(begin, at - 24) : at]
    word = "" if not head or head[-1].isspace() else head.split()[-1].lstrip("([{\"'“‘*_").lower()
    opens = begin >= at - 24 and not text[max(0, begin - 3) : begin].rstrip().endswith("?")
    if 0 < len(word) <= 6 and _is_marker(head, opens):
        return False
    if word in _OPEN or word in _TITLES:
        return False
    if word in _REFERENCES and (following.isdecimal() or following in "($\\"):
        return False
    if _INITIALS.match(word):
        return _ends_after_letter(text, head, word, m.end())
    return not following.islower() or not (m["close"] or word in _SHORT or word in _REFERENCES)


def _is_marker(head: str, opens: bool) -> bool:
    """Whether what stands before a full stop numbers a step ("3", "Case 2"): at the start of a line, or of a sentence
    that is no answer to a question.
    """
    lines = head.splitlines()
    return (opens or len(lines) > 1) and _MARKER.fullmatch(lines[-1]) is not None


def _ends_after_letter(text: str, head: str, word: str, after: int) -> bool:
    """Whether a sentence ends in a lone letter or an acronym, rather than going on with a name."""
    found = _WORD.match(text, after)
    following = found.group() if found else ""
    starts = following.lower() in _STARTERS
    if len(word) > 1:
        return starts and following[0].isupper()
    before = head.split()[-2:-1]
    is_value = bool(before) and (before[0].lower() in _BEFORE_LETTER or before[0][-1] in _RELATIONS)
    return starts or not following or (following[0].isupper() and (head[-1].islower() or is_value))
