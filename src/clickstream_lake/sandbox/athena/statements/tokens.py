"""A cursor over a statement's tokens, which sqlglot makes.

Athena speaks two languages: Hive's in DDL, with backquoted names and double-quoted strings, and
Trino's in the rest, with double-quoted names. Queries inside a statement are not read here: they
are handed on as the text that they are.
"""

import re
from typing import TYPE_CHECKING, ClassVar

from sqlglot.dialects.hive import Hive
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from clickstream_lake.sandbox.athena.statements.model import ColumnDef, Name, Value
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

CATALOG = "awsdatacatalog"
_WORD = re.compile(r"\w+", re.ASCII)
_OPENING = {TokenType.L_PAREN: 1, TokenType.L_BRACKET: 1}
_CLOSING = {TokenType.R_PAREN: 1, TokenType.R_BRACKET: 1}


# The tokenizers are told to give every word by itself, and not to stop at words that they take
# for commands.
class _HiveWords(Hive):
    class Tokenizer(Hive.Tokenizer):
        COMMANDS: ClassVar = set()
        KEYWORDS: ClassVar = {k: v for k, v in Hive.Tokenizer.KEYWORDS.items() if " " not in k}


class _TrinoWords(Trino):
    class Tokenizer(Trino.Tokenizer):
        COMMANDS: ClassVar = set()
        KEYWORDS: ClassVar = {k: v for k, v in Trino.Tokenizer.KEYWORDS.items() if " " not in k}
        IDENTIFIERS: ClassVar = ['"', "`"]  # clients backquote the names of new tables


class Cursor:
    """Reads one statement from left to right."""

    def __init__(self, sql: str, *, hive: bool) -> None:
        """Cut a statement into tokens.

        Raises:
            QueryError: it cannot be, it is empty, or there are several.
        """
        self._sql = sql
        self._hive = hive
        dialect = _HiveWords() if hive else _TrinoWords()
        try:
            tokens = dialect.tokenize(sql)
        except SqlglotError as error:
            raise QueryError("SYNTAX_ERROR", str(error).split("\n", maxsplit=1)[0]) from error
        while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
            tokens.pop()
        if not tokens:
            raise QueryError("SYNTAX_ERROR", "the statement is empty")
        if any(token.token_type == TokenType.SEMICOLON for token in tokens):
            raise QueryError("INVALID_INPUT", "Only one sql statement is allowed")
        self._tokens = tokens
        self._next = 0

    @property
    def done(self) -> bool:
        """Whether everything has been read."""
        return self._next == len(self._tokens)

    def at(self, *words: str) -> bool:
        """Tell whether these words or signs come next."""
        ahead = self._tokens[self._next : self._next + len(words)]
        return len(ahead) == len(words) and all(
            token.text.upper() == word and not self._quoted(token)
            for token, word in zip(ahead, words, strict=True)
        )

    def accept(self, *words: str) -> bool:
        """Read these words, if they come next."""
        found = self.at(*words)
        if found:
            self._next += len(words)
        return found

    def expect(self, *words: str) -> None:
        """Read these words.

        Raises:
            QueryError: something else comes next.
        """
        for word in words:
            if not self.accept(word):
                raise self.wrong(f"'{word}'")

    def end(self) -> None:
        """Make sure that everything has been read.

        Raises:
            QueryError: something is left.
        """
        if not self.done:
            raise self.wrong("<EOF>")

    def identifier(self) -> str:
        """Read a name, quoted or not; case does not matter."""
        return self.exact_identifier().lower()

    def exact_identifier(self) -> str:
        """Read a name of which the case matters."""
        if self.done:
            raise self.wrong("<identifier>")
        token = self._tokens[self._next]
        word = _WORD.fullmatch(token.text) and token.token_type not in {
            TokenType.STRING,
            TokenType.NUMBER,
        }
        if token.token_type != TokenType.IDENTIFIER and not word:
            raise self.wrong("<identifier>")
        self._next += 1
        return token.text

    def name(self, database: str) -> Name:
        """Read a table's name; one that is not qualified is in `database`."""
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        if len(parts) > len(("catalog", "database", "table")):
            raise self.wrong("<EOF>")
        if len(parts) > len(("database", "table")) and parts.pop(0) != CATALOG:
            raise QueryError("CATALOG_NOT_FOUND", f"the only catalog here is {CATALOG}")
        return Name(parts[0] if len(parts) > 1 else database, parts[-1])

    def database(self) -> str:
        """Read a database's name, with or without its catalog."""
        name = self.name(CATALOG)
        if name.database != CATALOG:
            raise QueryError("CATALOG_NOT_FOUND", f"the only catalog here is {CATALOG}")
        return name.table

    def string(self) -> str:
        """Read a string."""
        if self.done or self._tokens[self._next].token_type != TokenType.STRING:
            raise self.wrong("<string>")
        self._next += 1
        text = self._tokens[self._next - 1].text
        # Athena takes `''` for a quote in DDL, too; Hive's tokens make two strings of it.
        while self.at_string() and self._adjacent():
            text += f"'{self._tokens[self._next].text}"
            self._next += 1
        return text

    def _adjacent(self) -> bool:
        last, following = self._tokens[self._next - 1], self._tokens[self._next]
        return following.start == last.end + 1 and self._sql[last.end] == "'"

    def at_string(self) -> bool:
        """Tell whether a string comes next."""
        return not self.done and self._tokens[self._next].token_type == TokenType.STRING

    def integer(self) -> int:
        """Read a whole number."""
        if self.done or not self._tokens[self._next].text.isdecimal():
            raise self.wrong("<integer>")
        self._next += 1
        return int(self._tokens[self._next - 1].text)

    def strings(self) -> dict[str, str]:
        """Read `('key' = 'value', …)`, or `('key', …)` for keys alone."""
        found = {}
        self.expect("(")
        while True:
            key = self.string()
            found[key] = self.string() if self.accept("=") else ""
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def identifiers(self) -> tuple[str, ...]:
        """Read `(name, …)`."""
        self.expect("(")
        found = [self.identifier()]
        while self.accept(","):
            found.append(self.identifier())
        self.expect(")")
        return tuple(found)

    def properties(self) -> dict[str, Value]:
        """Read `(name = value, …)` with Trino's values."""
        found: dict[str, Value] = {}
        self.expect("(")
        while not self.at(")"):
            key = self.string().lower() if self.at_string() else self.identifier()
            self.expect("=")
            found[key] = self._value()
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def _value(self) -> Value:
        if self.accept("ARRAY"):
            self.expect("[")
            items = []
            while not self.at("]"):
                items.append(self.string())
                if not self.accept(","):
                    break
            self.expect("]")
            return tuple(items)
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self.accept(word):
                return value
        return self.string() if self.at_string() else self.integer()

    def partition(self) -> dict[str, str]:
        """Read `(key = constant, …)`."""
        found = {}
        self.expect("(")
        while True:
            key = self.identifier()
            self.expect("=")
            found[key] = self.constant()
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def constant(self) -> str:
        """Read a string, a number or `DATE '…'`, and give its text."""
        if self.at("DATE"):
            self.accept("DATE")
        if self.at_string():
            return self.string()
        sign = "-" if self.accept("-") else ""
        if self.done or self._tokens[self._next].token_type != TokenType.NUMBER:
            raise self.wrong("<constant>")
        self._next += 1
        return sign + self._tokens[self._next - 1].text

    def columns(self) -> tuple[ColumnDef, ...]:
        """Read `(name type [COMMENT 'text'], …)`."""
        found = []
        self.expect("(")
        while True:
            name = self.identifier()
            self.accept(":")
            found.append(self.column(name))
            if not self.accept(","):
                break
        self.expect(")")
        return tuple(found)

    def column(self, name: str) -> ColumnDef:
        """Read the type of a column, and its comment."""
        kind = self.type()
        return ColumnDef(name, kind, self.string() if self.accept("COMMENT") else "")

    def type(self) -> str:
        """Read a type of Hive's, and spell it as Glue does: lower case, without spaces."""
        text = self.identifier()
        if self.at("("):
            text += self.balanced().replace(" ", "").lower()
        elif self.accept("<"):
            text += f"<{self._parameters()}>"
        return {"integer": "int", "varbinary": "binary"}.get(text, text)

    def _parameters(self) -> str:
        """Read what stands between angle brackets; the closing one may be part of `>>`."""
        parts = []
        while True:
            part = self.type()
            if self.accept(":"):
                part = f"{part}:{self.type()}"
            parts.append(part)
            if not self.accept(","):
                break
        self.expect(">")
        return ",".join(parts)

    def balanced(self) -> str:
        """Read from one bracket to its partner, and give the text with both."""
        start, depth = self._next, 0
        while not self.done:
            kind = self._tokens[self._next].token_type
            depth += _OPENING.get(kind, 0) - _CLOSING.get(kind, 0)
            self._next += 1
            if not depth:
                return self._text(start, self._next)
        raise self.wrong("')'")

    def until(self, *words: str) -> str:
        """Read up to these words outside of brackets, or to the end, and give the text."""
        start, depth = self._next, 0
        while not self.done and (depth or not self.at(*words)):
            kind = self._tokens[self._next].token_type
            depth += _OPENING.get(kind, 0) - _CLOSING.get(kind, 0)
            self._next += 1
        if start == self._next:
            raise self.wrong("<query>")
        return self._text(start, self._next)

    def rest(self) -> str:
        """Read all that is left, and give it as it stands."""
        start, self._next = self._next, len(self._tokens)
        if start == self._next:
            raise self.wrong("<query>")
        return self._text(start, self._next)

    def has(self, word: str) -> bool:
        """Tell whether this word stands anywhere outside of brackets, from here on."""
        here = self._next
        try:
            self.until(word)
        except QueryError:
            return True  # it comes next
        else:
            return not self.done
        finally:
            self._next = here

    def wrong(self, expected: str) -> QueryError:
        """Say in Athena's words what comes next in place of something else."""
        if self.done:
            found, place = "<EOF>", len(self._sql.rstrip(" \n\t;"))
        else:
            token = self._tokens[self._next]
            found, place = self._text(self._next, self._next + 1), token.start
        line = self._sql.count("\n", 0, place) + 1
        column = place - (self._sql.rfind("\n", 0, place) + 1)
        if self._hive:
            return QueryError(
                "FAILED", f"ParseException line {line}:{column} mismatched input '{found}' "
                f"expecting {expected}"
            )  # fmt: skip
        return QueryError(
            "SYNTAX_ERROR",
            f"line {line}:{column + 1}: mismatched input '{found}'. Expecting: {expected}",
        )

    def _text(self, start: int, end: int) -> str:
        return self._sql[self._tokens[start].start : self._tokens[end - 1].end + 1]

    def _quoted(self, token: "Token") -> bool:
        return token.token_type in {TokenType.STRING, TokenType.IDENTIFIER} and (
            self._sql[token.start] in "'\"`"
        )
