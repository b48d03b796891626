"""What the interview's page asks and sends: /api/interview, as docs/openapi.json describes it. JSON both ways."""

from bottle import HTTPError, HTTPResponse

from portal_site import Site, json_answer, json_body
from store import sessions, visits
from store.errors import NotAdmitted
from store.sessions import SessionView


class InterviewApi:
    """The candidate's side of the JSON interface."""

    def __init__(self, site: Site):
        self.site = site

    def state(self) -> HTTPResponse:
        return json_answer(200, self._turns(self.site.visit().view))

    def start(self) -> HTTPResponse:
        self.site.check_own_request()
        if json_body() != {}:
            raise HTTPError(400)
        visit = self._candidate()
        try:
            view = sessions.begin(self.site.db, visit.view.session_id, self.site.clock())
        except NotAdmitted:
            return json_answer(409, {"error": "not_admitted"} | self._turns(visit.view))
        return json_answer(200, self._turns(view))

    def _candidate(self) -> visits.Visit:
        visit = self.site.visit()
        if visit.kind != visits.CANDIDATE:
            raise HTTPError(403)
        return visit

    def _turns(self, view: SessionView) -> dict[str, object]:
        now = self.site.clock()
        return sessions.turns(view, view.access(now), now)
