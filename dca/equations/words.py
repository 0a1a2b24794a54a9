"""The words that matter between numbers: signs in words, units that convert, and what ends an expression.

English only; a word it does not know is taken for a unit ("3 cats"). It knows nothing of grammar.
"""

from __future__ import annotations

from typing import Final

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

IS: Final = frozenset(["is", "are", "gives", "makes", "yields", "was"])
"""Verbs that claim equality, between an expression and a number."""

STOPS: Final = frozenset(
    ["is", "are", "was", "were", "be", "been", "being", "am", "has", "have", "had", "having", "do", "does", "did", "so", "then", "because", "since", "if", "when", "while", "that", "which", "who", "where", "whose", "therefore", "thus", "hence", "but", "gives", "give", "gave", "get", "gets", "got", "costs", "cost", "makes", "make", "made", "makes", "leaves", "leaving", "left", "means", "meaning", "yields", "equals", "equal", "becomes", "become", "or", "for", "as", "will", "would", "can", "could", "should", "must", "may", "might", "not", "we", "he", "she", "they", "it", "i", "you", "let", "lets", "let's", "this", "these", "those", "there", "here", "also", "using", "with", "from", "into", "at", "by", "first", "second", "finally", "next", "now", "given", "plug", "substitute", "substituting", "sold", "sells", "bought", "buys", "paid", "pays", "spent", "spends", "needs", "need", "earns", "earned", "eats", "ate", "and", "because", "on", "to", "in"]
)
"""Words that end an expression: what stands before them is no operand of what follows."""

ABOUT: Final = frozenset(
    ["about", "approximately", "approx", "around", "roughly", "nearly", "almost", "over", "under", "only", "just", "exactly", "still"]
)
"""Words that may stand between an equals sign and its number; all but the last three say it is rounded."""

EXACT: Final = frozenset({"only", "just", "exactly", "still"})

DETERMINERS: Final = frozenset(["a", "an", "the", "his", "her", "its", "their", "my", "your", "our", "another", "other", "additional", "extra", "each", "only"])
"""Words that may stand between a sign and its number."""

JOINERS: Final = frozenset(["in", "of", "per", "each", "every", "for", "with", "a", "an", "x", "the"])
"""Words that tie a number to the one before it ("8 packs of 5 bags * $4")."""

FUNCTIONS: Final = frozenset(
    ["sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "log", "ln", "lg", "exp", "gcd", "lcm", "max", "min", "choose", "floor", "ceil", "abs", "det", "cbrt"]
)
"""Names of functions: the expression they stand in has no value known here."""

REMAINDERS: Final = frozenset(["r", "remainder", "rem", "mod", "modulo", "base"])

UNIT_LETTERS: Final = frozenset(["m", "g", "s", "h", "l", "L", "k", "K", "M", "B", "p", "d", "c", "W", "V", "J", "N", "C", "F"])
"""Single letters that may be a unit when they touch a number."""

TOUCHING: Final = frozenset(
    ["kg", "km", "cm", "mm", "ml", "mg", "lb", "lbs", "oz", "ft", "hr", "hrs", "min", "mins", "sec", "secs", "am", "pm", "th", "st", "nd", "rd", "mph", "kph", "hz", "mb", "gb", "kb", "tb", "cc", "mi", "yd", "pt", "qt", "gal", "yrs", "yr", "cal", "kcal", "kj"]
)
"""Units and endings that may touch a number ("5kg", "3rd"); any other touching word is a product of unknowns."""

DIMENSIONS: Final = {
    unit: dimension
    for dimension, units in {
        "time": "ms milliseconds second seconds sec secs s minute minutes min mins hour hours hr hrs h day days week weeks month "
        "months year years yr yrs decade decades century centuries",
        "length": "nm um μm µm micrometers mm cm m meter meters metre metres km kilometer kilometers inch inches foot feet ft yard yards mile "
        "miles millimeters centimeters centimeter",
        "mass": "mg g gram grams kg kgs kilogram kilograms kilo kilos pound pounds lb lbs ounce ounces oz ton tons",
        "volume": "ml milliliters liter liters litre litres l cup cups pint pints quart quarts gallon gallons "
        "teaspoon teaspoons tablespoon tablespoons cc",
        "money": "cent cents penny pennies dime dimes nickel nickels quarter quarters dollar dollars bucks",
        "angle": "degree degrees radian radians",
    }.items()
    for unit in units.split()
}
"""Units that convert into one another, so that a sum may mix them."""

PACKS: Final = frozenset(["dozen", "dozens", "pair", "pairs", "couple", "score", "gross", "k", "half", "third", "thirds", "quarter", "quarters", "hundreds"])
"""Words that multiply quietly."""

CENTS: Final = frozenset(["cent", "cents", "penny", "pennies", "nickel", "nickels", "dime", "dimes", "quarters"])

FIGURES: Final = frozenset(["average", "mean", "median", "half", "twice", "double", "triple", "third", "quarter", "square", "root", "remainder", "product", "sum", "difference", "ratio"])
"""Words that, before an expression, may change what is claimed of it ("the average of 2 + 4 = 3")."""
