"""Cue words: English words that hint at checking, doubt, admission and supposition.

A hint decides nothing alone: every rule that asks for one asks for structure too, and what a step is about is read
without the words of talk. Other languages have no hints here, and lose only what structure cannot see.
"""

from __future__ import annotations

import re
from typing import Final

_CHECK: Final = (
    r"(?:double|triple|cross|sanity|quick)?[- ]?(?:re-?)?check(?:s|ing|ed)?(?: back)?|(?:re-?)?verif(?:y|ying|ies|ied"
    r"|ication)|confirm(?:s|ing|ed|ation)?|validat(?:e|es|ing|ed|ion)|sanity|mak(?:e|ing) (?:very |quite )?sure|"
    r"(?:to|just) be (?:quite |very )?(?:sure|safe|certain|careful|on the safe side)|on the safe side|"
    r"(?:to )?ensur(?:e|es|ing)|proof-?read\w*|"
    r"re-?count\w*|re-?calculat\w+|re-?comput\w+|re-?evaluat\w+|re-?examin\w+|re-?consider\w*|re-?visit\w*|"
    r"re-?read\w*|re-?do(?:ing)?|re-?work\w*|re-?trac(?:e|es|ing)|re-?run(?:ning)?|re-?deriv\w+|re-?test\w*|"
    r"once (?:more|again)|one more time|again|"
    r"a second (?:time|look)|(?:go|going|went|run|running) (?:back |through )?(?:over|it|this|that)|"
    r"look(?:ing)? (?:back|again) (?:at|over)?|audit\w*|inspect\w*|backwards?|in reverse|revers(?:e|ing)|"
    r"(?:an)?other (?:way|method|approach|route|angle)|(?:second|different|independent|alternative) "
    r"(?:way|method|approach|route|opinion|angle|look|pass)|in a different (?:way|order)|alternatively|"
    r"(?:let me|let's|let us|to) (?:test|see (?:if|whether))|test(?:ing)? (?:this|it|that)|prov(?:e|ing) it|"
    r"(?:do|does|did|would|is|are|will|can) [^.?!\n]{2,60}\b(?:fit|hold|agree|match|work|make sense|add up|check|"
    r"correct|right|true|so|consistent|plausible)(?: out| up)?[^.?!\n]{0,30}\?|"
    r"indeed|for good measure|just in case|as a (?:check|test|sanity)|same test|"
    r"repeat(?:s|ed|ing)?|recap\w*|retrospect"
)
_VERDICT: Final = (
    r"correct(?:ly|ness)?(?! (?:answer|choice|option|solution|one|value|statement))|right(?=[.!,;:)]|$| so\b| as\b)|"
    r"match(?:es|ed|ing)?|agree(?:s|d|ment)?|consistent|checks? out|holds(?: up| true)?|hold (?:up|true)|fits|"
    r"works out|"
    r"adds? up|as (?:it should|expected|required|claimed|before|stated|promised|needed)|"
    r"no (?:conflict|contradiction|problem|error|mistake|issue|doubt|change)s?|same (?:as|result|number|answer|value|"
    r"total|thing|figure|again)|the same|still|yes|good|fine|sound|solid|all good|satisf(?:y|ies|ied)|makes? sense|"
    r"in line with|in order|confident|certain(?:ly)?|sure|definitely|no doubt|unchanged|stands?|valid|accurate|"
    r"reasonable|plausible|exactly|perfect(?:ly)?|great|indeed|really|true"
)
_MISMATCH: Final = (
    r"contradict\w*|but (?:the (?:problem|question|text|task)|it|that|this) (?:says?|said|should|asks?|states?)|"
    r"should(?:n't| not)? (?:be|have been|equal|give|come)|(?:does|did|do|is|are|was)(?:n't| not) "
    r"(?:match|fit|agree|add up|hold|work|satisf\w+|equal|right|what|correct|enough|true|possible|the)|"
    r"can(?:'t|not) be|mismatch\w*|impossible|inconsistent|too (?:large|small|many|few|big|much|little|high|low)|"
    r"instead of|off by|went wrong|something(?:'s| is| must be)? (?:wrong|off)|fails?|against|disagree\w*|conflicts?"
)
_ADMISSION: Final = (
    r"mistaken?(?:ly)?|err(?:ors?|oneous(?:ly)?|ed)?|wrong(?:ly)?|faulty|"
    r"flawed|invalid|untenable|amiss|oops|whoops|incorrect(?:ly)?|not (?:quite )?right|isn't right|"
    r"mis(?:read|count|calculat|added|multipli|copi|place|stat|took|take|wr[io]t|interpret|applied)\w*|corrections?|"
    r"correct (?:it|that|this|myself)|should (?:have|read|say)|wait,? no|no,? wait|scratch that|"
    r"let me (?:fix|redo)|corrected|(?:is|was|'s) off|not (?:it|this|that|so)\b|"
    r"i (?:forgot|missed|skipped|lost|meant|slipped|overlooked)|slip(?:ped)?|strike|my bad|"
    r"fix(?:ing|ed)?(?: (?:it|that|this))?|caught (?:it|that|this|myself)|good catch|glad i|good thing|sorry|"
    r"drop(?:ped|ping|s)?|abandon\w*|discard\w*|disregard\w*|never ?mind|forget (?:that|it|this)|"
    r"leav\w+ (?:that|this|it) aside|"
    r"ignore (?:that|this)|"
    r"withdr[ae]wn?|retract\w*|(?:not|no longer|isn't) (?:pursued|followed|used|needed)|undo(?:ne)?|cross(?:ed)? out"
)
_SUPPOSE: Final = (
    r"suppos(?:e|ing|ed|ition)|assum(?:e|es|ing|ed|ption)|what if|imagin\w+|hypothe\w+|for (?:the sake of )?"
    r"(?:a )?contradiction|let's say|if (?:we|i) (?:guess|try|take)|(?:let me|let's|i) try|trying|guess\w*|"
    r"contradict\w*|tentativ\w*|"
    r"(?:first|second|third|next|last|this|one) case|case (?:\d|[a-z]\b)|cases|rough(?:ly)?|estimat\w+|"
    r"approximat\w+|ballpark|first pass|to a first|conjectur\w*"
)
CHECK: Final = re.compile(rf"(?<![\w-])(?:{_CHECK})(?![\w-])", re.IGNORECASE)
"""Words of re-examination."""
VERDICT: Final = re.compile(rf"(?<![\w-])(?:{_VERDICT})(?![\w-])", re.IGNORECASE)
"""Words that pronounce something right."""
MISMATCH: Final = re.compile(rf"(?<![\w-])(?:{_MISMATCH})(?![\w-])|≠|\\neq?\b", re.IGNORECASE)
"""Words that say that something does not fit: what a repair may cite."""
ADMISSION: Final = re.compile(
    rf"(?<![\w-])(?:{_ADMISSION})(?![\w-])|(?:^|[.!?—-]\s+)no(?:pe)?[,.:;—]|(?:^|[.!?]\s+)off[,.:;]",
    re.IGNORECASE,
)
"""Words that own to a mistake."""
SUPPOSE: Final = re.compile(rf"(?<![\w-])(?:{_SUPPOSE})(?![\w-])", re.IGNORECASE)
"""Words of supposition, casework and estimate."""
ASKED: Final = re.compile(
    r"(?<!be )(?<!will )(?<!to )(?<!must )(?<!is )"
    r"\b(?:(?:double-?)?check|verify|confirm|justify|test|prove|make sure)\b "
    r"(?:that|your|the|it|its|each|every|whether|all|both|by|in|for|this)|\bshow that\b|\bextraneous\b|"
    r"\b(?:two|several|different|both) (?:different )?ways\b|"
    r"(?:^|[.!?,;]\s+)(?:then |also |please |and |finally,? |at the end,? |when done,? )*"
    r"(?:double-?check|check|verify|"
    r"confirm|repeat|re-?read|re-?state|re-?calculate|re-?compute|redo|list|close|end|finish|state|say|review|recap|"
    r"summari[sz]e|go over|go through|compare|plug|test)\b|"
    r"(?:^|[.!?]\s+)(?:work|quote|write|mention|compute|calculate|do|copy|give|use|name)\b[^.!?\d]{0,60}"
    r"\b(?:twice|again|once more|a second time)\b",
    re.IGNORECASE,
)
"""Words of a problem that asks for a check, or for something to be said again."""
CONCLUDES: Final = re.compile(
    r"####|\\boxed|\b(?:final )?(?:answer|solution)\b\s*(?:is\b|:|=|\$?\d)|(?:^|[.!?:*]\s+)(?:final )?A\s*:",
    re.IGNORECASE | re.MULTILINE,
)
"""The form of a final answer."""

OPTIONS: Final = re.compile(r"\b(?:choices?|options?|alternatives)(?:\b|_)", re.IGNORECASE)
"""Words for the answers that a problem offers: to look one's result up among them is no check."""
ANSWER: Final = re.compile(r"\b(?:answer|result|solution|value|total|claim|conclusion)s?\b", re.IGNORECASE)
"""Words for what was found."""
DOING: Final = re.compile(
    r"\b(?:divid|multipl|add(?:ing)?\b|subtract|simplif|factor|squar|count|need|consider|writ|mov|expand|cancel|solv|"
    r"find|call|list|combin|group|rewrit|plug|set\b|take\b|start|begin|use\b|using\b|get\b|leaves|try|tri(?:ed|es)\b|"
    r"have to|solution|times\b|plus\b|minus\b)",
    re.IGNORECASE,
)
"""Words of doing something with a number, which is more than saying it again."""
PROBLEM: Final = re.compile(
    r"\b(?:problem|question|statement|prompt|task|text|conditions?|given|hypothes[ie]s|assumptions?|premises?)\b",
    re.IGNORECASE,
)
"""Words for the problem itself."""

TALK: Final = frozenset(
    """
    a an and any are as at be been but by can could did do does for from get gets give gives given had has have he her
    his how i if in into is it its let let's lets may me might must my no nor not now of off on one's or our out over
    own shall she should since so some such than that that's the their them then there there's therefore these they
    this those thus to too under until up upon us use used using very was we were what when where which while who
    whom whose will with would you your i'm i'll i've i'd we'll we've we're it's he's she's they're here hence because
    also just only both each all every more most other another same about above again against almost already
    although always before after back being below between during even ever first-ly following further
    wait hmm hm hmmm okay ok alright well oh ah actually hold moment minute quickly quick carefully careful
    care think thinking thought sure certain safe side double triple check checks checked checking recheck rechecked
    rechecking cross sanity verify verifies verified verifying verification reverify confirm confirms confirmed
    confirming confirmation validate validated validating make making made look looks looking see seems seem seen
    test testing tests redo redoing recalculate recalculating recalculation recompute recomputing recount recounting
    reconsider reconsidering reexamine reexamining revisit revisiting reread rereading go going went moving move
    proceed proceeding correct correctly right rightly true indeed really definitely certainly surely doubt doubts
    matches match matched matching agree agrees agreed consistent holds hold held fit fits fitting works work worked
    working out add adds good fine great yes yeah yep nope perfect perfectly exact exactly sound solid valid
    accurate confident sense reasonable plausible still stands unchanged expected required claimed stated result
    results number numbers value values answer answers calculation calculations computation step steps way method
    approach alternative alternatively different differently independent backwards backward reverse once time times
    mistake mistakes mistaken mistakenly error errors wrong wrongly oops whoops incorrect incorrectly slip slipped
    misread miscounted miscalculated miscalculation correction corrections correcting fix fixed fixing sorry caught
    catch catching glad nearly reflect reflected reflecting scratch forgot missed overlooked notice noticed noticing
    everything something anything nothing far moving finally next first last lastly overall course simply
    know we'd want need needs needed should shall try trying let's ensure ensures ensuring make sanity
    solution solutions choice choices option options present presented presents assert asserts asserting conclude
    concludes concluded conclusion problem question statement prompt ask asks asked asking given
    said say says saying told earlier previously previous before found got get computed calculated obtained had
    """.split()
)
"""Words of talk and of hinting, which say nothing of what a step is about."""
