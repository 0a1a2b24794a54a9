"""Equations as people and models write them, each with the verdict it must get."""

from __future__ import annotations

import pytest

from dca.equations.find import find_equations

TRUE = r"""
48/2 = 24
7 - -7 * 4 = 35
((2 + 3) * (4 - 1)) = 15
2 + 3 * 4 = 14
(-14 - 2 - (-1260)) = 1244
-5 + -9 - 0 + 8 = -6
1,200 + 3,400 = 4,600
$1,234.50 * 2 = $2,469
€5 + €3 = €8
£350 000 * 2 = £700 000
5 dollars * 3 = 15 dollars
20% of 50 = 10
20%*50 = 10
50*.2 = 10
25% = .25
100 - 20% = 80
600 - 10% = 540
4/20 x 100% = 20%
1/2 + 1/4 = 3/4
2 1/2 * 4 = 10
2 and 1/2 * 4 = 10
½ + ¼ = ¾
3½ + ½ = 4
1/2 / 1/4 = 2
120/1/6 = 720
3 cats * 2 = 6 legs
$5/hour * 8 hours = $40
6 people * 2 slices/person = 12
60 km/h * 2 h = 120 km
10 m/s * 3 s = 30 m
5 cm^2 + 3 cm^2 = 8 cm^2
20 5-dollar bills * 2 = 40
2.4 million * 2 = 4.8 million
2.5 million + 500,000 = 3 million
54 / 3 = <<54/3=18.0>>18 lines
10 * 2 = $<<10*2=20>>20
6 + 4 x 2 = <<(6+4)*2=20>>20
<<48/2=24>>24
\frac{3}{4} + \dfrac{1}{4} = 1
\frac12 + \frac12 = 1
2\frac{1}{2} \times 2 = 5
2\frac{1}{2} + 0 = 1
2 \times 3 \cdot 4 \div 6 = 4
\left( 1 + 2 \right)^2 = 9
50\% \text{ of } 40 = 20
\$3 + \$4 = \$7
1{,}000 + 1 = 1{,}001
2^{10} = 1024
3² + 4² = 5²
\sqrt{16} + √9 = 7
\sqrt{\frac{9}{4}} = 1.5
4^(1/2) = 2
27^{1/3} = 3
8 x 2 = 16
8 × 2 ÷ 4 − 1 = 3
3 · 4 = 12
3(4 + 5) = 27
(2)(3) = 6
5! = 120
\frac{5!}{3!} = 20
\binom{5}{2} = 10
10/3 = 3.33
2/3 = 0.67
2/3 = 0.66
0.125 = 0.12
0.125 = 0.13
10/3 ≈ 3
1000/7 \approx 142.9
117.8 * 2 = 235.60000000000002
0.1 + 0.2 = 0.30000000000000004
5 + 5 = 10 + 2
3 plus 4 equals 7
12 divided by 4 is 3
Step 3: 3 + 4 = 7
1. 3 + 4 = 7
- 3 + 4 = 7
* 3 + 4 = 7
**3 + 4 = 7**
So 10 = 2 * 5
He has 12 (3 dozen) and 4 + 4 = 8
1e3 * 2 = 2000
.5 + .5 = 1
3 + 4 = 7 apples (5 red)
There are 5 girls who each have 3 + 4 = 7
"""

FALSE = r"""
3 + 4 = 8
7 - -7 * 4 = -21
2 + 3 * 4 = 20
$5 * 3 = $16
20% of 50 = 11
3 cats * 2 = 7 legs
10 * 2 = $<<10*2=20>>25
10 * 3 = $<<10*2=20>>20
<<48/2=25>>25
<<48/2=24>>23
\frac{1}{2} + \frac{1}{3} = \frac{2}{5}
10/3 = 3.34
10/3 = 3.0
60 - 170 = 110
3 times 4 = 13
50 cents * 4 = 210 cents
So 10 = 2 * 6
0.5 * 3 = 1.6
2^{10} = 1000
4! = 12
25 - 10 - 5 = 15
1.50 + 2.25 = 3.80
"""

UNCERTIFIABLE = r"""
x = 5
3x + 2 = 8
2x = 10
338 b + 156 c = 12
3n + 2n = 5n
7^7 = (8/7)^x
x_1 = 3 + 4
a_2 + 2 = 6
1/10 = 1/30 + 1/di
Total = 3 + 4
cost + 3 = 8
twelve + 3 = 16
7/2 = 3
97 + (98/5) = 97 + 19
126 + 6.3 = 132
120 / 0.0278 = 4320
0.33 * 30.6 = 10.2
\sqrt{2} = 1.4
-3^2 = 9
0^0 = 1
6/2(3) = 1
3:30 + 0:45 = 4:20
3:4 = 6:9
12/25/2020 = 1
1.2.3 = 4
101_2 = 6
17 mod 5 = 3
17 = 3 (mod 5)
25 * 4 = 1 (mod 11)
17 / 5 = 3 remainder 2
17 / 5 = 3 R 2
f(3) = 9
f(x) = 2x + 1
g\left(-1\right) = \frac{2}{3}
sin(30) = 0.6
5C2 * 3 = 31
(5 choose 2) = 11
|3 - 5| = 3
(2, 3) = (4, 5)
1,2 + 3 = 6
3/2 = 1,6
1 + 2 + ... + 10 = 56
\{1, 2\} = 3
1 hour 30 minutes = 91 minutes
45 + 45 = 1 hour 30 minutes
2 hours + 30 minutes = 150 minutes
60 minutes = 1 hour
3 feet = 36 inches
50 cents * 4 = $2
3 dozen = 36
4 daps = 7 yaps
100 * 632.2 nm = 0.1 * 632.2 μm
Week 2 = 40
Total expenses in 2015 = 20,000 * 3
40% = 240
1/4 of the tank = 18000 / 4
1/4 container = 60/4
2/5 is equal to 12.8 hectares
The divisors of 4*3 are 5
The average of 80 + 90 + 100 = 90
half of 24 = 12
24 eggs in 1 tray x 2 trays = 48
Is 3 + 4 = 8?
5 + 3 = 9, which is not true
The claim 9^2 + 2^2 = 97 was wrong
Substitute x = 4 into it: 12 - 4(2) + 24 - 8 = 0
7@4 = 14
In this ring 6 * 5 = 0
The line x = 0 meets the hyperbola xy = 8
5 # 10 = 11
3 + = 7
= 7
9**9**9 = 1
10**10**10 = 1
1/0 = 5
10^400 = 1
2^(1/0) = 1
"""

NONE = r"""
There is no equation here.
2 + 2 >= 4
2 + 2 != 5
2 \neq 3 and 3 < 4
x => 3
60^2 \equiv 1 \pmod{3599}
=====
3 + 4
"""


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("text", lines(TRUE))
def test_true(text: str) -> None:
    """What is so, in whatever notation, is certified true."""
    assert [equation.verdict for equation in find_equations(text)] == ["true"]


@pytest.mark.parametrize("text", lines(FALSE))
def test_false(text: str) -> None:
    """What is plainly wrong is certified false, and the reason gives both values."""
    (equation,) = find_equations(text)
    assert equation.verdict == "false"
    assert equation.reason


@pytest.mark.parametrize("text", lines(UNCERTIFIABLE))
def test_uncertifiable(text: str) -> None:
    """What is more than arithmetic is never certified false, and the reason says why."""
    found = find_equations(text)
    assert found
    assert "false" not in {equation.verdict for equation in found}
    assert any(equation.verdict == "uncertifiable" and equation.reason for equation in found)


@pytest.mark.parametrize("text", lines(NONE))
def test_no_equation(text: str) -> None:
    """Inequalities, arrows and rules are no equations."""
    assert find_equations(text) == ()
