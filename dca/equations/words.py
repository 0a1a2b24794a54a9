"""The words that matter between numbers: signs in words, units that convert, and what ends an expression.

English only; a word it does not know is taken for a unit ("3 cats"). It knows nothing of grammar.
"""

from __future__ import annotations

from typing import Final


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIGNS: Final = {"times": "*", "plus": "+", "minus": "-"}
"""Signs in words, where a number follows."""

SCALES: Final = {
    "hundred": "[100]",
    "thousand": "[1000]",
    "million": "[1000000]",
    "billion": "[1000000000]",
    "trillion": "[1000000000000]",
}
"""Words that multiply the number before them, as postfix signs."""

IS: Final = _of("is are gives makes yields was")
"""Verbs that may claim equality, between an expression and a number."""

STOPS: Final = _of(
    "is are was were be been being am has have having had do does did so then because since if when while that "
    "which who where whose therefore thus hence but and or for as not will would can could should must may might "
    "gives give gave get gets got cost costs make makes made leaves leaving left means meaning yields equals "
    "equal become becomes let lets let's we he she they it i you this these those there here also using with from "
    "into at by on to in first second finally next now given plug substitute substituting sold sells bought buys "
    "paid pays spent spends needs need earns earned eats ate"
)
"""Words that end an expression: what stands before them is no operand of what follows."""

PREPOSITIONS: Final = _of("in on for at by to from with into")
"""Words after which a number may be a label ("in 2015 = ...")."""

EXACT: Final = _of("only just exactly still")
"""Words that may stand between an equals sign and its number."""

ABOUT: Final = EXACT | _of("about approximately approx around roughly nearly almost over under")
"""The same, those included that say the number is rounded."""

DETERMINERS: Final = _of("a an the his her its their my your our another other additional extra each only")
"""Words that may stand between a sign and its number."""

JOINERS: Final = _of("in of per each every for with a an x the")
"""Words that tie a number to the one before it ("8 packs of 5 bags * $4")."""

FUNCTIONS: Final = _of(
    "sin cos tan cot sec csc arcsin arccos arctan log ln lg exp gcd lcm max min choose floor ceil abs det cbrt"
)
"""Names of functions: the expression they stand in has no value known here."""

REMAINDERS: Final = _of("r remainder rem mod modulo base")
"""Words after which a number is not the plain result of a division."""

UNIT_LETTERS: Final = _of("m g s h l L k K M")
"""Single letters that may be a unit after a number."""

TOUCHING: Final = _of(
    "kg km cm mm nm um ml mg lb lbs oz ft hr hrs min mins sec secs am pm th st nd rd mph kph hz mb gb kb tb cc mi yd "
    "pt qt gal yr yrs cal kcal kj ms"
)
"""Units and endings that may touch a number ("5kg", "3rd"); any other touching word is a product of unknowns."""

_DIMENSIONS: Final = (
    "ms milliseconds second seconds sec secs s minute minutes min mins hour hours hr hrs h day days week weeks month "
    "months year years yr yrs decade decades century centuries",
    "nm um μm µm micrometers mm cm m meter meters metre metres km kilometer kilometers inch inches foot feet ft yard "
    "yards mile miles millimeters centimeter centimeters",
    "mg g gram grams kg kgs kilogram kilograms kilo kilos pound pounds lb lbs ounce ounces oz ton tons",
    "ml milliliters liter liters litre litres l cup cups pint pints quart quarts gallon gallons teaspoon teaspoons "
    "tablespoon tablespoons cc",
    "cent cents penny pennies nickel nickels dime dimes dollar dollars bucks",
    "degree degrees radian radians",
)
DIMENSIONS: Final = {unit: kind for kind, units in enumerate(_DIMENSIONS) for unit in units.split()}
"""Which units convert into one another: those of one kind."""

CENTS: Final = _of("cent cents penny pennies nickel nickels dime dimes")
"""Units that a dollar sign nearby converts."""

PACKS: Final = _of("dozen dozens pair pairs couple score gross k half third thirds quarter quarters hundreds")
"""Words that multiply quietly."""

FIGURES: Final = _of(
    "average mean median half twice double triple third quarter square root remainder product sum difference ratio"
)
"""Words that, before an expression, may change what is claimed of it ("the average of 2 + 4 = 3")."""
