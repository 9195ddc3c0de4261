"""A keystoneauth session for several threads, that asks a dead Keystone only once."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from keystoneauth1.exceptions import ConnectFailure, ConnectTimeout, Unauthorized
from keystoneauth1.session import Session
from requests import Response

_SILENCE = 1.0  # seconds for which a Keystone that did not answer is not asked again


class NodeSession(Session):
    """As keystoneauth's Session, but:

    * It tries once more on 401. keystoneauth renews a revoked token itself, but only in the thread that
      notices first; the others are told 401. A 401 comes before anything is done, so repeating is safe
      for every method.
    * When Keystone does not answer, it is not asked again at once. keystoneauth would ask for its
      versions, then for a token all the same, and so would every thread that waits for the token: each
      a whole timeout.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._silent_until: dict[str, float] = {}

    def request(self, url: str, method: str, **kwargs: Any) -> Response:  # type: ignore[override]
        """As ``Session.request``."""
        if kwargs.get("authenticated") is False:
            return self._unauthenticated(url, method, **kwargs)
        try:
            response = super().request(url, method, **kwargs)
        except Unauthorized as error:
            if str(error.url or "").endswith("/auth/tokens"):
                raise  # the credentials themselves were refused: asking again may lock the account
            return super().request(url, method, **kwargs)
        if response.status_code == 401:
            return super().request(url, method, **kwargs)
        return response

    def _unauthenticated(self, url: str, method: str, **kwargs: Any) -> Response:
        place = urlsplit(url).netloc
        if time.monotonic() < self._silent_until.get(place, 0.0):
            raise ConnectFailure(f"{place} didn't respond a moment ago")
        try:
            return super().request(url, method, **kwargs)
        except (ConnectFailure, ConnectTimeout):
            self._silent_until[place] = time.monotonic() + _SILENCE
            raise
