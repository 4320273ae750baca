"""Calls of functions: scalar ones, lambdas in them, aggregates and windows."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from sqlglot import exp

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.aggregates import AGGREGATES, WINDOWS, Modifiers
from clickstream_lake.sandbox.athena.translate.casts import coerce
from clickstream_lake.sandbox.athena.translate.library import SCALARS, template
from clickstream_lake.sandbox.athena.translate.signatures import fill, resolve, signatures
from clickstream_lake.sandbox.athena.translate.typed import Call, Lambda, Typed
from clickstream_lake.sandbox.athena.translate.types import Type, unsupported
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.translate.scope import Scope


_WITHOUT_BRACKETS: Final = {
    f"current_{what}" for what in ("catalog", "date", "path", "schema", "user")
}


class Calls:
    """What of an expression is a call; the rest is for the class that has this as a part.

    Attributes:
        special: methods of what is called like a function and is none.
    """

    special: ClassVar[dict[str, str]]
    _scope: "Scope"
    _parameters: list[dict[str, Typed]]

    def typed(self, node: exp.Expr) -> Typed:
        """Translate one expression."""
        raise NotImplementedError

    def boolean(self, node: exp.Expr, what: str) -> str:
        """Translate a condition."""
        raise NotImplementedError

    # Calls.

    def _function(self, node: exp.Anonymous) -> Typed:
        return self._call(node.name.lower(), node.expressions)

    def _call(self, name: str, arguments: Sequence[exp.Expr]) -> Typed:
        if name in _WITHOUT_BRACKETS:
            raise QueryError("SYNTAX_ERROR", "mismatched input '('")
        if name == "concat_ws" and len(arguments) == 1:
            raise QueryError(
                "INVALID_FUNCTION_ARGUMENT", "There must be two or more concatenation arguments"
            )
        if name in self.special:
            special: Callable[[Sequence[exp.Expr]], Typed] = getattr(self, self.special[name])
            return special(arguments)
        if name in AGGREGATES or name in WINDOWS or is_aggregate(name):
            return self.aggregate(name, arguments, Modifiers())
        return self._scalar(name, arguments)

    def _scalar(self, name: str, arguments: Sequence[exp.Expr]) -> Typed:
        if name == "format":
            values = [self.typed(one) for one in arguments]
            return SCALARS["format"](Call(name, values, [], types.VARCHAR, {}))  # type: ignore[operator]  # a function
        given: list[Typed | Lambda] = [self._argument(one) for one in arguments]
        shapes = [one.type if isinstance(one, Typed) else None for one in given]
        found = resolve(name, shapes)
        plain = [
            coerce(one, of)
            for one, of in zip(given, found.arguments, strict=True)
            if isinstance(one, Typed) and of is not None
        ]
        lambdas = [one for one in given if isinstance(one, Lambda)]
        returns = fill(found.signature.returns, found.bindings) or types.UNKNOWN
        if found.signature.kind == "table":
            raise unsupported(f"Function {name}")
        made = template(name, plain, plain[0].type.name if plain else None)
        if made is None:
            raise unsupported(f"Function {name}")
        call = Call(name, plain, lambdas, returns, found.bindings)
        if name in {"array_max", "array_min", "array_sort"}:
            (of,) = plain[0].type.args
            if of.name in {
                "json",
                "map",
                "row",
                "array",
            }:  # has no order, or none with a NULL inside
                raise unsupported(f"Function {name} of {plain[0].type}")
        if callable(made):
            return made(call)
        if any(f"{{{place}}}" not in made for place in range(len(plain))):
            raise unsupported(f"Function {name} with {len(plain)} arguments")
        return Typed(made.format(*(one.sql for one in plain)), returns)

    def _argument(self, node: exp.Expr) -> Typed | Lambda:
        if isinstance(node, exp.Lambda):
            return self._lambda(node)
        if isinstance(node, (exp.Distinct, exp.Order, exp.Star)):
            raise QueryError("SYNTAX_ERROR", f"mismatched input in {node.sql(dialect='trino')}")
        return self.typed(node)

    def _lambda(self, node: exp.Lambda) -> Lambda:
        names = [parameter.name.lower() for parameter in node.expressions]
        depth = len(self._parameters)

        def bind(of: Sequence[Type], spelt: Sequence[str] | None) -> tuple[str, Typed]:
            if len(of) != len(names):
                raise QueryError(
                    "INVALID_PARAMETER_USAGE",
                    f"Lambda takes {len(names)} parameters, not {len(of)}",
                )
            own = spelt or [f"x{depth}_{place}" for place in range(len(names))]
            level = {n: Typed(s, t) for n, s, t in zip(names, own, of, strict=True)}
            self._parameters.append(level)
            try:
                body = self.typed(node.this)
            finally:
                self._parameters.pop()
            return f"lambda {', '.join(own)}: {coerce(body, body.type).sql}", body

        return Lambda(bind, len(names), depth)

    def aggregate(self, name: str, arguments: Sequence[exp.Expr], modifiers: Modifiers) -> Typed:
        """Translate a call of an aggregate or window function."""
        arguments = list(arguments)
        if arguments and isinstance(arguments[0], exp.Distinct):
            modifiers.distinct = True
            arguments = list(arguments[0].expressions)
        if arguments and isinstance(arguments[-1], exp.Order):
            order = arguments[-1]
            modifiers.order = self._scope.order(order.expressions, self)
            arguments[-1] = order.this
        if any(isinstance(one, exp.Star) for one in arguments):
            if name != "count" or len(arguments) > 1 or modifiers.distinct:
                raise QueryError("SYNTAX_ERROR", "mismatched input '*'")
            arguments = []
        for one in arguments:
            if isinstance(one, exp.Lambda):
                raise unsupported(f"Function {name}")
        self._scope.note_aggregate(modifiers.over is not None)
        values = [self.typed(one) for one in arguments]
        found = resolve(name, [value.type for value in values])
        if modifiers.over is None and name in WINDOWS:
            raise QueryError("MISSING_OVER", f"Window function {name} requires an OVER clause")
        made = (AGGREGATES | WINDOWS).get(name)
        if made is None:
            raise unsupported(f"Function {name}")
        plain = [coerce(v, of) for v, of in zip(values, found.arguments, strict=True) if of]
        returns = fill(found.signature.returns, found.bindings) or types.UNKNOWN
        return made(Call(name, plain, [], returns, found.bindings), modifiers)

    def _filter(self, node: exp.Filter) -> Typed:
        return self._modified(
            node.this, Modifiers(where=self.boolean(node.expression.this, "Filter expression"))
        )

    def _modified(self, node: exp.Expr, modifiers: Modifiers) -> Typed:
        if isinstance(node, exp.Filter):
            modifiers.where = self.boolean(node.expression.this, "Filter expression")
            node = node.this
        if isinstance(node, (exp.IgnoreNulls, exp.RespectNulls)):
            modifiers.ignore_nulls = isinstance(node, exp.IgnoreNulls)
            node = node.this
        if isinstance(node, exp.GroupConcat):
            return self._listagg(node, modifiers)
        if not isinstance(node, exp.Anonymous):
            raise unsupported(node.sql(dialect="trino"))
        name = node.name.lower()
        if name in signatures() and not (name in WINDOWS or is_aggregate(name)):
            raise QueryError(
                "FUNCTION_NOT_AGGREGATE" if modifiers.over is None else "FUNCTION_NOT_WINDOW",
                f"{name} is not an aggregation function",
            )
        return self.aggregate(name, node.expressions, modifiers)

    def _window(self, node: exp.Window) -> Typed:
        if node.args.get("first") or node.args.get("exclude"):
            raise unsupported(node.sql(dialect="trino"))
        return self._modified(node.this, Modifiers(over=self._scope.window(node, self)))

    def _listagg(self, node: exp.GroupConcat, modifiers: Modifiers | None = None) -> Typed:
        modifiers = modifiers or Modifiers()
        if node.args.get("on_overflow") or not isinstance(node.this, exp.Order):
            raise unsupported(node.sql(dialect="trino"))
        self._scope.note_aggregate(modifiers.over is not None)
        value = self.typed(node.this.this)
        if value.type.name not in {"varchar", "unknown"}:
            raise QueryError(
                "TYPE_MISMATCH", f"Expected expression of type varchar, but {value.type} was found"
            )
        separator = node.args.get("separator")
        modifiers.order = self._scope.order(node.this.expressions, self)
        between = self.typed(separator) if separator else Typed("''", types.VARCHAR, "")
        return AGGREGATES["listagg"](
            Call("listagg", [value, between], [], types.VARCHAR, {}), modifiers
        )


def is_aggregate(name: str) -> bool:
    """Tell an aggregate by Trino's list."""
    return any(one.kind == "aggregate" for one in signatures().get(name, ()))
