"""The forms in which a formula looks at an earlier one again: stated before, stated otherwise, or with values put in.

It knows statements with unknowns, arrows and calls, whatever the field; it works nothing out.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

from dca.arithmetic.claims import Claim
from dca.performativity.content import Key, Statement, formula, key_of
from dca.performativity.cues import ADMISSION
from dca.performativity.reading import PROMPT, Reading, Stated
from dca.performativity.revisit import Revisit

MOST: Final = 6
"""Values of unknowns that are tried one by one."""
NEAR: Final = 6
"""Steps within which a formula that is stated otherwise is a correction."""


def revisits_of_formulas(reading: Reading, k: int) -> Iterable[Revisit]:
    """How a step's formulas look at earlier ones again."""
    for statement in reading.contents[k].statements:
        revisit = _stated(reading, k, statement)
        if revisit is not None:
            yield revisit
    revisit = _put_to_the_test(reading, k)
    if revisit is not None:
        yield revisit


def _stated(reading: Reading, k: int, statement: Statement) -> Revisit | None:
    """A statement whose left side was stated before: the same again, or otherwise."""
    earlier = None if statement.names else _said_before(reading, k, statement)
    if earlier is None:
        return None
    again = earlier.statement.right == statement.right
    if not reading.hinted[k] and (not statement.numeric or earlier.statement.first != statement.first):
        return None
    if not again and (earlier.step < k - NEAR or not (statement.numeric or ADMISSION.search(reading.steps[k].text))):
        return None
    said = f"{' '.join(statement.first)} is stated {'again' if again else 'otherwise'}"
    return Revisit("repeat" if again else "redo", earlier.step, said, differs=not again)


def _said_before(reading: Reading, k: int, statement: Statement) -> Stated | None:
    """The latest earlier statement with the same left side, unless one of its numbers was made anew since."""
    earlier = [one for one in reading.stated[statement.left] if PROMPT < one.step < k and one.statement.right]
    if not earlier or len(statement.first) < 2 or (not statement.numeric and len(statement.last) > 1):
        return None
    last = earlier[-1]
    if reading.checking[k]:
        return last
    since = {
        one.last[0]
        for j in range(last.step + 1, k)
        for one in reading.contents[j].statements
        if len(one.last) == 1 and one.left != statement.left
    }
    return None if since.intersection(statement.first) else last


def _put_to_the_test(reading: Reading, k: int) -> Revisit | None:
    """Values put for all unknowns of an earlier equation: a candidate is put to the test."""
    equations = [one for one in reading.equations if one.step < k]
    values = _known(reading, k) if equations else []
    if not values:
        return None
    own = {_of_claim(claim) for claim in reading.own[k]}
    own |= {key_of(side) for one in reading.contents[k].statements for side in (one.first, one.last)}
    for source, known in product(equations, values):
        for side in (source.statement.first, source.statement.last):
            put = _put_in(side, known)
            if put is not None and put in own:
                where = "the problem" if source.step == PROMPT else f"step {source.step}"
                said = f"values are put into {' '.join(source.statement.first)} of {where}"
                return Revisit("substituted", _origin(reading, k, side), said)
    return None


def _known(reading: Reading, k: int) -> list[dict[str, str]]:
    """What unknowns were found to be before step `k`: the last values of all, and each earlier value by itself."""
    found = [(name, number) for step, name, number in reading.values if PROMPT < step < k]
    return [dict(found), *({name: number} for name, number in found[-MOST:])] if found else []


def _of_claim(claim: Claim) -> Key:
    return key_of(formula(claim.equation.left))


def _put_in(side: Key, values: dict[str, str]) -> Key | None:
    """The key of a side with all its unknowns put in; None where there are none, or one is not known."""
    unknown = [token for token in side if token[0].isalpha() and token not in ("sqrt",)]
    if not unknown or not all(token in values for token in unknown) or len(side) < 2:
        return None
    return key_of(tuple(values.get(token, token) for token in side))


def _origin(reading: Reading, k: int, side: Key) -> int:
    """The step that found the value of an unknown, before step `k`."""
    for j in range(k - 1, -1, -1):
        if any(one.names and one.first[0] in side for one in reading.contents[j].statements):
            return j
    return max(k - 1, 0)
