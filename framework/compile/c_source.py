"""Write a plan of loop nests down in C; sizes and positions of named elements come in at run time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from itertools import count
from math import isfinite

from framework.compile.passes import Nest, Plan
from framework.compile.values import Loop, Places, Stage, Value, composed, is_leaf
from framework.errors import ModelError

HEADER = """\
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#pragma omp declare simd notinbranch
double exp(double);
#pragma omp declare simd notinbranch
double log(double);
#if __GLIBC_PREREQ(2, 35)
#pragma omp declare simd notinbranch
double expm1(double);
#pragma omp declare simd notinbranch
double log1p(double);
#endif
#endif
"""
_UNARY = {
    "exp": "exp({0})",
    "log": "log({0})",
    "expm1": "expm1({0})",
    "log1p": "log1p({0})",
    "inverse": "1.0 / {0}",
    "inverse0": "({0} == 0.0 ? 0.0 : 1.0 / {0})",
    "iszero": "({0} == 0.0 ? 1.0 : 0.0)",
    "sqrt": "sqrt({0})",
    "abs": "fabs({0})",
    "sign": "({0} > 0.0 ? 1.0 : {0} < 0.0 ? -1.0 : {0})",
}
ROWS = 4  # of an array with three axes that are summed up at a time: one alone is too short for what it costs
LANES = 4  # doubles of a vector: rows of the arena are padded with zeros to whole ones
STAGES = {
    Stage.PRELUDE: "prelude",
    Stage.STATE: "residual",
    Stage.LINEAR: "linear",
    Stage.BEFORE: "before",
    Stage.TANGENT: "product",
    Stage.AFTER: "after",
}


def source(plan: Plan, slots: dict[Value, int]) -> str:
    """C source of the stages, each a function ``void stage(const int64_t *n, double *const *p)``.

    Parameters
    ----------
    plan : Plan
    slots : dict
        Position in `p` of the pointer to each array. `n` holds the sizes of `plan.roots` and then the positions
        of `plan.elements`.
    """
    parts = [HEADER]
    for stage, nests in plan.nests.items():
        written = [_Writer(plan, nest, f"{STAGES[stage]}_{k}") for k, nest in enumerate(nests)]
        parts += [w.function() for w in written]
        calls = "".join(f"    {w.call(slots)};\n" for w in written)
        parts.append(f"void {STAGES[stage]}(const int64_t *n, double *const *p) {{\n{calls}}}\n")
    return "\n".join(parts)


class _Writer:
    """Write one nest as a function of the arrays that it touches.

    Statements stand at the level of the deepest loop that they need; level 0 is outside all loops.
    """

    def __init__(self, plan: Plan, nest: Nest, name: str) -> None:
        self.plan, self.name, self.loops = plan, name, nest.loops
        self.before: list[list[str]] = [[] for _ in range(len(self.loops) + 1)]
        self.after: list[list[str]] = [[] for _ in range(len(self.loops) + 1)]
        self.sums: list[str] = []  # scalars that the innermost loop accumulates
        self.arrays: dict[Value, str] = {}
        self._lengths: dict[str, str] = {}  # sizes and positions that are used, with their name
        self._number = count()
        self._written = set(nest.targets)
        self._scalars: dict[tuple[Value, Places], tuple[str, int]] = {}
        self._mine = {v for v in nest.targets if not v.is_sum}
        self._whole = bool(self.loops) and _in_whole_vectors(nest)
        for target in nest.targets:
            self._target(target)

    # ---- statements ------------------------------------------------------------------------------

    def _target(self, v: Value) -> None:
        if v.is_sum:
            self._sum(v)
        elif v.op == "out":
            value, level = self._scalar(*v.args[0])
            self.before[max(level, self._level(v.loops))].append(f"{self._at(v, v.loops)} = {value};")
        else:
            value, _ = self._scalar(v, v.loops)
            self.before[len(self.loops)].append(f"{self._at(v, v.loops)} = {value};")

    def _sum(self, v: Value) -> None:
        """Accumulate in a scalar over the innermost loops that are summed over, else in the array."""
        depth = len(self.loops)
        while depth and self.loops[depth - 1] not in v.result:
            depth -= 1
        term = self._product([self._scalar(w, places) for w, places in v.args])
        whole = depth == len(v.result)  # no outer loop is summed over
        here = self._at(v, v.result)
        if not whole:
            size = " * ".join(["sizeof(double)", *(self._stride(v, axis) for axis in range(len(v.result)))])
            self.before[0].append(f"memset({self.arrays[v]}, 0, {size});")
        if depth == len(self.loops):
            self.before[depth].append(f"{here} += {term};")
            return
        total = f"s{v.id}"
        self.before[depth].append(f"double {total} = 0.0;")
        self.sums.append(total)
        self.before[len(self.loops)].append(f"{total} += {term};")
        self.after[depth].append(f"{here} {'=' if whole else '+='} {total};")

    def _product(self, factors: Sequence[tuple[str, int]]) -> str:
        """Product of scalars; what is constant in the inner loops is multiplied outside of them."""
        out, level = "", 0
        for name, at in sorted(factors, key=lambda f: f[1]):
            if " * " in out and at > level:
                out = self._declare(out, level)
            out, level = f"{out} * {name}" if out else name, at
        return out or "1.0"

    def _declare(self, expression: str, level: int) -> str:
        name = f"t{next(self._number)}"
        self.before[level].append(f"const double {name} = {expression};")
        return name

    # ---- scalars ---------------------------------------------------------------------------------

    def _scalar(self, v: Value, places: Places) -> tuple[str, int]:
        """Name of a value at the given places, and the level at which it is known."""
        key = v, places
        if key not in self._scalars:
            local = not v.stored or (v in self._mine and places == v.loops)
            self._scalars[key] = self._compute(v, places) if local else self._load(v, places)
        return self._scalars[key]

    def _load(self, v: Value, places: Places) -> tuple[str, int]:
        level = self._level(places)
        return self._declare(self._at(v, places), level), level

    def _compute(self, v: Value, places: Places) -> tuple[str, int]:
        if is_leaf(v):
            return self._leaf(v, places)
        args = [self._scalar(w, composed(inner, v, places)) for w, inner in v.args]
        level = max((at for _, at in args), default=0)
        if v.op in _UNARY:
            expression = _UNARY[v.op].format(args[0][0])
        elif v.op == "mul":
            expression = self._product(args)
        else:
            expression = " + ".join(name for name, _ in args)
        return self._declare(expression, level), level

    def _leaf(self, v: Value, places: Places) -> tuple[str, int]:
        level = self._level(places)
        match v.op:
            case "const":
                return _number(v.attr), 0  # type: ignore[arg-type]
            case "size":
                return f"(double){self._size(v.attr)}", 0  # type: ignore[arg-type]
            case "unit":
                test = f"{self._index(places[0])} == {self._index(str(v.attr))}"
            case _:
                test = f"{self._index(places[0])} == {self._index(places[1])}"
        return f"({test} ? 1.0 : 0.0)", level

    # ---- names -----------------------------------------------------------------------------------

    def _level(self, places: Places) -> int:
        return max((self.loops.index(p) + 1 for p in places if not isinstance(p, str)), default=0)

    def _size(self, root: str) -> str:
        k = self.plan.roots.index(root)
        return self._lengths.setdefault(f"n[{k}]", f"n{k}")

    def _vectors(self, root: str) -> str:
        """Size of a set, rounded up to whole vectors."""
        k = self.plan.roots.index(root)
        return self._lengths.setdefault(f"(n[{k}] + {LANES - 1}) / {LANES} * {LANES}", f"m{k}")

    def _stride(self, v: Value, axis: int) -> str:
        """Entries that an axis takes in memory."""
        root = v.result[axis][0]
        last = axis == len(v.result) - 1
        return self._vectors(root) if last and v.external is None else self._size(root)

    def _index(self, place: Loop | str) -> str:
        if isinstance(place, str):
            k = self.plan.elements.index(place)
            return self._lengths.setdefault(f"n[{len(self.plan.roots) + k}]", f"e{k}")
        return f"i{self.plan.roots.index(place[0])}{'abcdefgh'[place[1]]}"

    def _at(self, v: Value, places: Places) -> str:
        """Entry of an array."""
        self.arrays.setdefault(v, f"a{v.id}")
        order = range(len(places)) if v.external is None else v.external
        out = ""
        for axis in order:
            index = self._index(places[axis])
            out = f"({out}) * {self._stride(v, axis)} + {index}" if out else index
        return f"{self.arrays[v]}[{out or '0'}]"

    # ---- the whole -------------------------------------------------------------------------------

    def function(self) -> str:
        """The function of this nest."""
        body = self._text(0)  # it asks for the sizes
        arrays = ", ".join(
            f"{'' if v in self._written else 'const '}double *restrict {name}"
            for v, name in self.arrays.items()
        )
        lengths = "".join(f"    const int64_t {name} = {at};\n" for at, name in self._lengths.items())
        return f"static void {self.name}(const int64_t *n, {arrays}) {{\n{lengths}{body}}}\n"

    def call(self, slots: dict[Value, int]) -> str:
        """The call of this nest."""
        return f"{self.name}(n, {', '.join(f'p[{slots[v]}]' for v in self.arrays)})"

    def _text(self, level: int) -> str:
        """Statements of a level and of the loop in it."""
        pad, depth = "    " * (level + 1), len(self.loops)
        text = "".join(f"{pad}{line}\n" for line in self.before[level])
        if level < depth:
            index, end = self._index(self.loops[level]), self._size(self.loops[level][0])
            if level == depth - 1:
                end = self._vectors(self.loops[level][0]) if self._whole else end
                text += f"{pad}#pragma omp simd"
                text += f" reduction(+:{','.join(self.sums)})\n" if self.sums else "\n"
            first = f"int64_t {index} = 0"
            if level == depth - 2 and self._whole and depth > 2:
                several = self._several(index)._text(level + 1)
                text += f"{pad}{first};\n{pad}for (; {index} + {ROWS - 1} < {end}; {index} += {ROWS}) {{\n{several}{pad}}}\n"
                first = ""
            text += f"{pad}for ({first}; {index} < {end}; {index}++) {{\n{self._text(level + 1)}{pad}}}\n"
        return text + "".join(f"{pad}{line}\n" for line in self.after[level])

    def _several(self, index: str) -> _Writer:
        """The statements of the last two levels for several rows, what is declared for a row once for each."""
        out, last = copy(self), len(self.loops)
        own = set(re.findall(r"double (\w+) =", "\n".join([*self.before[last - 1], *self.before[last]])))

        def of_rows(lines: list[str]) -> list[str]:
            return [_renamed(line, index, k, own) for k in range(ROWS) for line in lines]

        out.before, out.after = (
            [*at[:-2], of_rows(at[-2]), of_rows(at[-1])] for at in (self.before, self.after)
        )
        out.sums = list(dict.fromkeys(of_rows(self.sums)))
        return out


def _renamed(line: str, index: str, row: int, own: set[str]) -> str:
    """A statement for another row, with names of its own for what is declared there."""
    line = re.sub(rf"\b{index}\b", f"({index} + {row})" if row else index, line)
    return re.sub(r"\b[ts]\d+\b", lambda m: f"{m[0]}_{row}" if m[0] in own else m[0], line)


def _in_whole_vectors(nest: Nest) -> bool:
    """True for sums of products of stored arrays, whose rows are zero beyond their end: no loop has a remainder."""
    inner = nest.loops[-1]

    def runs_along(v: Value, places: Places) -> bool:
        return v.external is None and places[-1] == inner and inner not in places[:-1]

    for v in nest.targets:
        rows = [(w, places) for w, places in v.args if inner in places]
        stored = all(w.stored for w, places in v.args if not is_leaf(w) or inner in places)
        if not (v.is_sum and rows and stored and all(runs_along(*row) for row in rows)):
            return False
        if inner in v.result and not runs_along(v, v.result):
            return False
    return True


def _number(value: float) -> str:
    if not isfinite(value):
        raise ModelError(f"a constant of the model is {value}; write it as a parameter, or leave it out")
    return f"({value!r})" if value < 0 else repr(float(value))
