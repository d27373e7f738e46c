"""How Touchstone looks: one type scale, one accent, one border colour; light and dark from the same roles.

Every option is passed when the server starts, so an installed package needs no configuration file.
"""

from __future__ import annotations

from pathlib import Path

PAGE_CSS = (Path(__file__).parent / "widgets" / "page.css").read_text("utf-8")
ICON = Path(__file__).parent / "widgets" / "icon.png"

_LIGHT = {
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f5f6f4",
    "textColor": "#1d2320",
    "primaryColor": "#1f6f6b",
    "linkColor": "#1f6f6b",
    "borderColor": "#dcdfda",
    "dataframeBorderColor": "#dcdfda",
    "dataframeHeaderBackgroundColor": "#f5f6f4",
    "grayTextColor": "#5a625e",
    "redTextColor": "#a12c2c",
    "orangeTextColor": "#8f4a12",
    "greenTextColor": "#1f6b3a",
    "blueTextColor": "#2b5a9b",
    "violetTextColor": "#6a489c",
    "yellowTextColor": "#75590a",
    "codeTextColor": "#1d2320",
    "codeBackgroundColor": "#f5f6f4",
}
_DARK = {
    "backgroundColor": "#15181a",
    "secondaryBackgroundColor": "#1d2124",
    "textColor": "#e4e7e5",
    "primaryColor": "#5fb8b0",
    "linkColor": "#5fb8b0",
    "borderColor": "#31373a",
    "dataframeBorderColor": "#31373a",
    "dataframeHeaderBackgroundColor": "#1d2124",
    "grayTextColor": "#a3aaa7",
    "redTextColor": "#f08f8a",
    "orangeTextColor": "#e8a76a",
    "greenTextColor": "#83cf97",
    "blueTextColor": "#8fb7ee",
    "violetTextColor": "#c3a6ec",
    "yellowTextColor": "#d9bf62",
    "codeTextColor": "#e4e7e5",
    "codeBackgroundColor": "#1d2124",
}
CHART_LIGHT = ["#2f6f73", "#b4632f", "#5b6aa8", "#8a7a2b", "#9a4f76", "#4d7f3f", "#6b7280", "#a33b3b"]
CHART_DARK = ["#63aeb0", "#df9460", "#93a1dd", "#c2b158", "#d285ad", "#86b975", "#a3aab6", "#e07f7c"]
_WEIGHTS = [600] * 6


def options() -> dict[str, object]:
    """The theme as server options (`theme.…`); with both themes defined the reader's system decides."""
    shared: dict[str, object] = {
        "font": "sans-serif",
        "codeFont": "monospace",
        "baseFontSize": 14,
        "codeFontSize": "13px",
        "headingFontSizes": ["22px", "17px", "15px", "14px", "14px", "14px"],
        "headingFontWeights": _WEIGHTS,
        "metricValueFontSize": "22px",
        "metricValueFontWeight": 400,
        "baseRadius": "6px",
        "buttonRadius": "6px",
        "showWidgetBorder": True,
        "showSidebarBorder": True,
        "paddingTop": "16px",
        "paddingBottom": "24px",
    }
    found = {f"theme.{name}": value for name, value in shared.items()}
    for mode, colours, chart, sidebar in (
        ("light", _LIGHT, CHART_LIGHT, "#f5f6f4"),
        ("dark", _DARK, CHART_DARK, "#1a1d20"),
    ):
        found |= {f"theme.{mode}.{name}": value for name, value in colours.items()}
        found[f"theme.{mode}.chartCategoricalColors"] = chart
        found[f"theme.{mode}.sidebar.backgroundColor"] = sidebar
    return found
