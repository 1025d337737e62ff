"""How a declared symbol is written in LaTeX: its letter, accents, and what stands above and below it."""

from __future__ import annotations

import re
from typing import NamedTuple

from sympy.printing.conventions import split_super_sub
from sympy.printing.latex import translate

from framework.symbols import Declaration


class Notation(NamedTuple):
    """A symbol taken apart, so that accents, primes and indices find their place."""

    core: str
    sub: tuple[str, ...] = ()
    sup: tuple[str, ...] = ()

    @property
    def raised(self) -> bool:
        """True if it has a superscript, so that a power of it needs brackets."""
        return bool(self.sup)

    def with_subscripts(self, *more: str) -> str:
        """LaTeX with these subscripts after its own."""
        sub = ",".join(s for s in (*self.sub, *more) if s)
        primes = "".join("'" for s in self.sup if s == r"\prime") if set(self.sup) == {r"\prime"} else ""
        sup = "" if primes else " ".join(self.sup)
        return self.core + primes + (f"^{{{sup}}}" if sup else "") + (f"_{{{sub}}}" if sub else "")


def notation(decl: Declaration) -> Notation:
    """Notation of a declared symbol in its role: plain, hat or new level."""
    core, sub, sup = _taken_apart(decl.latex) if decl.latex else guessed(plain_name(decl))
    if decl.role == "hat":
        core = rf"\{'widehat' if len(visible(core)) > 1 else 'hat'}{{{core}}}"
    if decl.role == "new":
        sup = (*sup, r"\prime")
    return Notation(core, sub, sup)


def plain_name(decl: Declaration) -> str:
    """Symbol in the levels model of which a hat model was made."""
    suffix = {"hat": "_hat", "new": "_new"}.get(decl.role, "")
    return decl.symbol.removesuffix(suffix)


def guessed(symbol: str) -> Notation:
    """Notation of a symbol without declared LaTeX: Greek names, and ``A_R`` as A with subscript R."""
    name, sup, sub = split_super_sub(symbol)
    core = translate("lamda" if name == "lam" else name)  # lambda is a word of Python
    if len(core) > 1 and not core.startswith(("\\", "{")):
        core = rf"\mathit{{{core}}}"
    return Notation(core, tuple(_word(s) for s in sub), tuple(_word(s) for s in sup))


def _word(text: str) -> str:
    return text if len(text) == 1 or text.isdigit() else rf"\mathrm{{{text}}}"


def _taken_apart(latex: str) -> Notation:
    r"""Split ``\bar A_L^{R}`` into its core and its sub- and superscripts outside braces."""
    parts: dict[str, list[str]] = {"": [], "_": [], "^": []}
    kind = ""
    for token in re.findall(r"[_^]|\{(?:[^{}]|\{[^{}]*\})*\}|\\[a-zA-Z]+\s*|.", latex):
        if token in "_^":
            kind = token
        elif kind:
            parts[kind].append(token[1:-1] if token.startswith("{") else token)
            kind = ""
        else:
            parts[""].append(token)
    return Notation("".join(parts[""]).strip(), tuple(parts["_"]), tuple(parts["^"]))


def visible(latex: str) -> str:
    """About the characters that are seen."""
    shown = re.sub(r"\\(?:left|right|Bigl|Bigr|mathrm|mathit|text|hat|bar|frac|quad)(?![a-zA-Z])", "", latex)
    return re.sub(r"[{}^_&\s]", "", re.sub(r"\\[a-zA-Z]+|\\.", "x", shown))


def role_of(decl: Declaration) -> str:
    """What a symbol is in its model, in words: ``"exogenous, new over base"``."""
    roles = {"baseline": "baseline data", "hat": "new over base", "new": "new level"}
    if decl.role == "plain":
        return decl.kind.value
    return roles[decl.role] if decl.role == "baseline" else f"{decl.kind.value}, {roles[decl.role]}"
