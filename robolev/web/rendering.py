"""Pages from templates, with what every page needs: words, language, who is there, where things are."""

from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates

from robolev.web.incoming import language_of
from robolev.web.venue import Venue
from robolev.web.words import LANGUAGES, words

YEAR_S = 365 * 24 * 3600


class Renderer:
    """Renders the templates of a folder for one venue."""

    def __init__(self, templates: Path, venue: Venue) -> None:
        self._templates, self._venue = Jinja2Templates(directory=templates), venue
        self._templates.env.globals["base"] = venue.base

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """One page; `?lang=` is remembered."""
        language = language_of(request)
        common = {"say": words(language), "language": language, "person": self._venue.person(request)}
        response: Response = self._templates.TemplateResponse(request, name, {**common, **values}, status_code=status)
        if request.query_params.get("lang") in LANGUAGES:
            self._venue.keep(response, "lang", language, YEAR_S)
        return response
