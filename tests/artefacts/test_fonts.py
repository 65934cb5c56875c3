"""Titles in other scripts: with a font that has them, or left out with one line; never as boxes."""

import logging
import warnings

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from ddpm.artefacts.figures import fonts, style
from ddpm.artefacts.figures.drawing import save_image
from ddpm.artefacts.figures.page import Page

KOREAN = "확산 모델: 手書き"


def make_font(path, family: str, signs: str) -> None:
    """A font whose signs are all alike."""
    names = [".notdef", *(f"uni{ord(sign):04X}" for sign in signs)]
    pen = TTGlyphPen(None)
    for move, point in ((pen.moveTo, (100, 0)), (pen.lineTo, (100, 700)), (pen.lineTo, (900, 0))):
        move(point)
    pen.closePath()
    builder, glyph = FontBuilder(1000), pen.glyph()
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(sign): f"uni{ord(sign):04X}" for sign in signs})
    builder.setupGlyf(dict.fromkeys(names, glyph))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": family})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs fonts, in place of all others but matplotlib's own."""
    manager = font_manager.fontManager
    own = [entry for entry in manager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(manager, "ttflist", own)

    def install(**signs: str) -> None:
        for family, those in signs.items():
            make_font(tmp_path / f"{family}.ttf", family, those)
            manager.addfont(tmp_path / f"{family}.ttf")
        fonts._others.cache_clear()
        fonts._signs.cache_clear()

    yield install
    install()


def test_a_title_is_drawn_with_the_fonts_that_have_it(installed, tmp_path):
    installed(Hangul="확산모델", Han="手書き", Neither="абв")
    title, families = fonts.drawable(KOREAN)
    assert (title, families) == (KOREAN, (*fonts.OWN, "Han", "Hangul"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with style.applied(families):
            page = Page(200, 50, 200, title)
        for suffix in (".png", ".pdf"):
            save_image(page.figure, tmp_path / f"figure{suffix}")
    # Wide signs take about twice the room of letters.
    assert len(style.wrapped("확" * 100, 5)) > len(style.wrapped("a" * 100, 5))


def test_a_title_that_no_font_has_is_left_out_with_one_line(installed, caplog):
    installed(Hangul="확산모델")
    with caplog.at_level(logging.WARNING, "ddpm"):
        assert fonts.drawable(KOREAN) == ("", fonts.OWN)
    assert len(caplog.records) == 1
    assert "has き 手 書 of the study's title, which is left out" in caplog.text


def test_plain_titles_need_no_other_font(installed):
    installed(Hangul="확산모델")
    assert fonts.drawable("Größe \N{GREEK SMALL LETTER THETA} \u200d\ufe0f") == ("Größe θ ", fonts.OWN)
