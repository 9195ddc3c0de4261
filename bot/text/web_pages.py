"""What the proxy says by itself, as HTML pages in each language."""

from __future__ import annotations

from bot.text import prose
from bot.text.i18n import LOCALES, N_, Locale, Texts
from kws_core.web.caddy import Pages
from kws_core.web.routes import Page

SAID = {
    Page.STARTING: (
        N_("This server is being created"),
        N_("The site will be here when the server runs. Reload this page in a minute."),
    ),
    Page.SILENT: (
        N_("Nothing listens here yet"),
        N_(
            "The server runs, but no web server answers on the port of this address. If it's yours, start one, or choose "
            "another port with Web address on its card in Slack."
        ),
    ),
    Page.STOPPED: (
        N_("This server is stopped"),
        N_("The site will be back when its owner starts the server."),
    ),
    Page.ENDED: (N_("This site has ended"), N_("The server was returned, and its site is gone.")),
    Page.CLOSED: (
        N_("This site isn't open to you"),
        N_("It may be open from the lab's network, or its owner has closed it."),
    ),
    Page.UNKNOWN: (N_("There's no site here"), N_("Check the address. No server of this lab has this name.")),
}


def pages(first: Locale) -> Pages:
    """Every page in every language; ``first`` is for visitors who speak none of them."""
    locales = sorted(LOCALES, key=lambda locale: locale != first)
    return {(page, locale): _document(page, Texts(locale)) for page in Page for locale in locales}


def _document(page: Page, texts: Texts) -> str:
    title, text = SAID[page]
    return prose.web_page(texts.plain(title), texts.plain(text), texts)
