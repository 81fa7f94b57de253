"""The filter language as a tree: words, operators, `and`, `or`, `not`, parentheses, quotes. Pure text to tree.

filter := and ("or" and)*       and := unary ("and"? unary)*       unary := "not" unary | "(" filter ")" | term
term   := FIELD OP VALUE ("," VALUE)*  |  WORD          OP := : = == != < <= > >= ~ !~
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import InvalidInput

OPERATORS = ("!=", "!~", "<=", ">=", "==", "<", ">", "=", "~", ":")
WORD_FORMS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=", "ne": "!=", "like": "~", "unlike": "!~"}
"""What scripts may write without quoting: `lr.lt:1e-3`."""


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison; any of `values` may match. `column` (from 1) is where the field stands in the text."""

    field: str
    operator: str
    values: tuple[str, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]


Node = Term | Not | And | Or


def read(text: str) -> Node:
    """The tree of a filter; an empty text is an `And` of nothing, which everything fulfils.

    Raises InvalidInput with the text, a caret under the column, and what was expected there.
    """
    return _Reader(text).read()


def problem(text: str, column: int, what: str, hint: str = "") -> InvalidInput:
    """The error for one column (from 1) of a filter."""
    shown = text.replace("\n", " ").replace("\t", " ")
    caret = f"  {shown}\n  {' ' * (column - 1)}^"
    return InvalidInput(f"in the filter, column {column}: {what}\n{caret}", hint=hint, data={"column": column})


def terms(node: Node) -> Iterator[Term]:
    """Every comparison in a tree."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from terms(node.node)
    else:
        for child in node.nodes:
            yield from terms(child)


@dataclass(frozen=True, slots=True)
class _Token:
    """A parenthesis, a keyword, or a term's text without quotes; quoted characters are no operators."""

    kind: str
    text: str
    column: int
    end: int
    is_quoted: tuple[bool, ...] = ()
    has_empty: bool = False


MAX_DEPTH = 100


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._split())
        self.position = 0
        self.depth = 0

    def read(self) -> Node:
        if not self.tokens:
            return And(())
        node = self._or()
        if self.position < len(self.tokens):
            token = self.tokens[self.position]
            raise problem(self.text, token.column, "this parenthesis closes nothing")
        return node

    def _or(self) -> Node:
        nodes = [self._and()]
        while self._take("or"):
            nodes.append(self._and())
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def _and(self) -> Node:
        nodes = [self._unary()]
        while True:
            if self._take("and") or self._peek() not in ("", "or", ")"):
                nodes.append(self._unary())
            else:
                return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _unary(self) -> Node:
        column = self.tokens[self.position].column if self.position < len(self.tokens) else len(self.text) + 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise problem(self.text, column, "too deeply nested")
        try:
            if self._take("not"):
                return Not(self._unary())
            if self._take("("):
                node = self._or()
                if not self._take(")"):
                    raise problem(self.text, column, "this parenthesis is never closed")
                return node
        finally:
            self.depth -= 1
        kind = self._peek()
        if kind != "term":
            found = f"found `{kind}`" if kind else "the filter ends here"
            raise problem(self.text, column, f"expected a condition such as `status:failed`, {found}")
        token = self.tokens[self.position]
        self.position += 1
        return self._term(token)

    def _peek(self) -> str:
        return self.tokens[self.position].kind if self.position < len(self.tokens) else ""

    def _take(self, kind: str) -> bool:
        if self._peek() != kind:
            return False
        self.position += 1
        return True

    def _split(self) -> Iterator[_Token]:
        position = 0
        while position < len(self.text):
            char = self.text[position]
            if char.isspace():
                position += 1
            elif char in "()":
                yield _Token(char, char, position + 1, position + 1)
                position += 1
            else:
                token = self._scan(position)
                position = token.end
                yield token

    def _scan(self, start: int) -> _Token:
        """One word, to the next blank or closing parenthesis outside quotes; quotes are taken off."""
        chars: list[str] = []
        quoted: list[bool] = []
        quote, opened, inner, has_empty = "", 0, 0, False
        position = start
        while position < len(self.text):
            char = self.text[position]
            if quote and char == "\\" and self.text[position + 1 : position + 2] in (quote, "\\"):
                position += 1
                chars.append(self.text[position])
                quoted.append(True)
            elif char == quote:
                has_empty = has_empty or position == opened + 1
                quote = ""
            elif quote:
                chars.append(char)
                quoted.append(True)
            elif char in "\"'":
                quote, opened = char, position
            elif char.isspace() or (char == ")" and not inner):
                break
            else:
                # `name~(a|b)` is one word: parentheses that open within it also close within it.
                inner += (char == "(") - (char == ")")
                chars.append(char)
                quoted.append(False)
            position += 1
        if quote:
            raise problem(self.text, opened + 1, "this quote is never closed")
        word = "".join(chars).lower()
        kind = word if word in ("and", "or", "not") and not any(quoted) else "term"
        return _Token(kind, "".join(chars), start + 1, position, tuple(quoted), has_empty)

    def _term(self, token: _Token) -> Term:
        cut, operator = _find_operator(token)
        if not operator:
            # A bare word looks for the name, as in every search box.
            return Term("name", "~word", (token.text,), token.column)
        field = token.text[:cut]
        values = _split_values(token, cut + len(operator))
        base, dot, form = field.rpartition(".")
        if operator == ":" and dot and form in WORD_FORMS:
            field, operator = base, WORD_FORMS[form]
        if not field:
            raise problem(self.text, token.column, f"expected a field before `{operator}`")
        if values == ("",) and not token.has_empty:
            end = token.column + cut + len(operator)
            raise problem(self.text, end, f"expected a value after `{field}{operator}`", 'an empty value is ""')
        return Term(field, {"==": "="}.get(operator, operator), values, token.column)


def _find_operator(token: _Token) -> tuple[int, str]:
    """The first operator outside quotes. A leading `:` belongs to the name (`:monitor:gpu/util>3` needs quotes)."""
    for position in range(len(token.text)):
        if token.is_quoted[position]:
            continue
        for operator in OPERATORS:
            end = position + len(operator)
            if token.text[position:end] == operator and not any(token.is_quoted[position:end]):
                return position, operator
    return -1, ""


def _split_values(token: _Token, start: int) -> tuple[str, ...]:
    values = [""]
    for char, quoted in zip(token.text[start:], token.is_quoted[start:], strict=True):
        if char == "," and not quoted:
            values.append("")
        else:
            values[-1] += char
    return tuple(values)
