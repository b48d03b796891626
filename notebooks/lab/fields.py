"""One parameter of a notebook as a field of the form: its widget, and the text that the command line takes for it."""

import html
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin

import ipywidgets as widgets

from notebooks.colours import BAD
from notebooks.parameters import files, kinds
from notebooks.parameters.cell import REQUIRED, Parameter
from store.errors import Finding

_UNCHOSEN = ("(choose)", REQUIRED)
_NAMES = {"description_width": "11em"}
_FAULT = f"border-left: 3px solid {BAD}; padding-left: 0.5em; margin: 0 0 0.4em 11.5em; line-height: 1.4"


class Field:
    """A parameter's widget with its meaning beside and its fault below; `row` is what is shown."""

    def __init__(self, parameter: Parameter):
        self.parameter = parameter
        self.widget = _widget(parameter)
        self._fault = widgets.HTML()
        told = widgets.HTML(_meaning(parameter), layout=widgets.Layout(flex="1 1 16em", min_width="12em"))
        line = widgets.HBox([self.widget, told], layout=widgets.Layout(align_items="center", flex_flow="row wrap"))
        self.row = widgets.VBox([line, self._fault])
        self._fault.layout.display = "none"

    @property
    def text(self) -> str | None:
        """`name=value` for the command line; None where the default stands, or nothing was given."""
        value, default = self.widget.value, self.parameter.default
        if self._is_typed:
            return None if value == _typed(default) else f"{self.parameter.name}={value}"
        return None if value == default else f"{self.parameter.name}={kinds.text(value)}"

    @property
    def _is_typed(self) -> bool:
        """Whether the widget holds the text itself and not the value that it means."""
        return isinstance(self.widget, widgets.Text)

    def tell(self, findings: list[Finding]) -> None:
        """Shows what is wrong with the value; nothing for an empty list."""
        said = "<br>".join(f"{html.escape(found.what)} <b>To fix:</b> {html.escape(found.fix)}" for found in findings)
        self._fault.value = f'<div role="alert" style="{_FAULT}">{said}</div>' if said else ""
        self._fault.layout.display = "" if said else "none"

    @property
    def fault(self) -> str:
        """What is shown as wrong, as markup; empty if nothing is."""
        return self._fault.value

    def missing_file(self) -> Finding | None:
        """What is wrong with a file's path that was given."""
        found = files.missing_file(self.parameter, self.widget.value)
        return found and replace(found, fix="correct it; in the file browser: right-click the file, Copy Path.")


def _widget(parameter: Parameter) -> widgets.ValueWidget:
    wanted, default = kinds.inner(parameter.kind), parameter.default
    look: dict[str, Any] = {"description": parameter.name, "style": _NAMES, "layout": widgets.Layout(width="34em")}
    if choices := _choices(wanted, parameter):
        return widgets.Dropdown(options=choices, value=default, **look)
    if wanted is bool:
        return widgets.Checkbox(value=bool(default), **look)
    # Numbers, too: a field for numbers makes 7 of 7.6, and 1 of 1e3, and says nothing.
    return widgets.Text(value=_typed(default), continuous_update=False, **look)


def _choices(wanted: Any, parameter: Parameter) -> list[tuple[str, object]]:
    """What is chosen from, if the parameter is chosen; a switch that has no default, or may be None, is, too."""
    is_optional = wanted is not parameter.kind
    if get_origin(wanted) is Literal:
        values: tuple[object, ...] = get_args(wanted)
    elif wanted is bool and (is_optional or parameter.is_required):
        values = (True, False)
    else:
        return []
    extra = ([_UNCHOSEN] if parameter.is_required else []) + ([("None", None)] if is_optional else [])
    return extra + [(kinds.text(value), value) for value in values]


def _typed(default: object) -> str:
    """What stands in a text's field at first."""
    return "" if default is REQUIRED else kinds.text(default)


def _meaning(parameter: Parameter) -> str:
    needed = "<b>must be given</b>; " if parameter.is_required else ""
    kind = "" if kinds.inner(parameter.kind) is parameter.kind else f" ({html.escape(kinds.shown(parameter.kind))})"
    said = f"{needed}{html.escape(parameter.meaning)}{kind}"
    return f'<div style="line-height: 1.4; overflow-wrap: anywhere; opacity: 0.85; padding-left: 0.4em">{said}</div>'
