"""The portal's three hot paths as a Django application: unmanaged models of the same tables, its ORM, its templates."""

import json
import os
import time
from collections.abc import Callable

import django
import peers_access as access
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, SECRET_KEY="only of a benchmark", USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", f"{__name__}.guarded"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.sqlite3", "NAME": access.DATABASE, "CONN_MAX_AGE": None,
        "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE", "init_command": access.PRAGMAS},
    }},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [os.path.dirname(os.environ["PEER_TEMPLATE"])]}],
)  # fmt: skip
django.setup()

from django.db import models, transaction  # noqa: E402

PAGE = os.path.basename(os.environ["PEER_TEMPLATE"])


def guarded(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def answering(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        for name, value in access.HEADERS:
            answer.headers[name] = value
        return answer

    return answering


class Unmanaged(models.Model):
    class Meta:
        abstract = True
        managed = False
        app_label = "peer"


class Candidate(Unmanaged):
    name, timezone = models.TextField(), models.TextField()

    class Meta(Unmanaged.Meta):
        db_table = "candidate"


class Job(Unmanaged):
    title, company = models.TextField(), models.TextField()

    class Meta(Unmanaged.Meta):
        db_table = "job"


class Question(Unmanaged):
    job = models.ForeignKey(Job, models.DO_NOTHING)
    kind = models.TextField()

    class Meta(Unmanaged.Meta):
        db_table = "question"


class Interview(Unmanaged):
    candidate, job = models.ForeignKey(Candidate, models.DO_NOTHING), models.ForeignKey(Job, models.DO_NOTHING)
    started_at, ended_at = models.FloatField(), models.FloatField()
    timezone, state, reference = models.TextField(), models.TextField(), models.TextField()
    opens_before, closes_after = models.IntegerField(), models.IntegerField()

    class Meta(Unmanaged.Meta):
        db_table = "interview"


class Schedule(Unmanaged):
    interview = models.ForeignKey(Interview, models.DO_NOTHING)
    state, booking_notes = models.TextField(), models.TextField()

    class Meta(Unmanaged.Meta):
        db_table = "interview_schedule"


class Session(Unmanaged):
    interview = models.OneToOneField(Interview, models.DO_NOTHING)
    public, key_id, generation = models.TextField(), models.TextField(), models.IntegerField()
    opened_at, begun_at = models.FloatField(null=True), models.FloatField(null=True)
    engaged_at, finished_at = models.FloatField(null=True), models.FloatField(null=True)
    page, held_at = models.TextField(null=True), models.FloatField(null=True)

    class Meta(Unmanaged.Meta):
        db_table = "interview_session"


class Visit(Unmanaged):
    session = models.ForeignKey(Session, models.DO_NOTHING)
    cookie_hash, kind, generation = models.TextField(), models.TextField(), models.IntegerField()
    engaged_at, created_at = models.FloatField(null=True), models.FloatField()

    class Meta(Unmanaged.Meta):
        db_table = "portal_visit"


class SessionQuestion(Unmanaged):
    pk = models.CompositePrimaryKey("session_id", "number")
    session, number = models.ForeignKey(Session, models.DO_NOTHING), models.IntegerField()
    opened_at = models.FloatField(null=True)

    class Meta(Unmanaged.Meta):
        db_table = "session_question"


class Answer(Unmanaged):
    pk = models.CompositePrimaryKey("session_id", "number")
    session, number = models.ForeignKey(Session, models.DO_NOTHING), models.IntegerField()
    revision, text, page = models.IntegerField(), models.TextField(), models.TextField()
    sequence, saved_at = models.BigIntegerField(), models.FloatField()

    class Meta(Unmanaged.Meta):
        db_table = "answer"


class Event(Unmanaged):
    at, kind, data = models.FloatField(), models.TextField(), models.TextField()
    interview = models.ForeignKey(Interview, models.DO_NOTHING)

    class Meta(Unmanaged.Meta):
        db_table = "event"


def visit_of(request: HttpRequest) -> Visit:
    return get_object_or_404(
        Visit.objects.select_related("session__interview__candidate", "session__interview__job"),
        cookie_hash=access.cookie_hash(request.COOKIES.get(access.COOKIE, "")),
        generation=models.F("session__generation"),
    )


def state_of(session: Session) -> str:
    booked = session.interview
    return access.access_state(
        booked.started_at, booked.ended_at, booked.opens_before, booked.closes_after, booked.state, session.begun_at,
        session.finished_at,
    )  # fmt: skip


@require_GET
def interview(request: HttpRequest) -> HttpResponse:
    session = visit_of(request).session
    booked = session.interview
    schedule = Schedule.objects.filter(interview=booked, state="booked").first()
    kinds = list(Question.objects.filter(job_id=booked.job_id).values_list("kind", flat=True).distinct())
    found = {name: getattr(booked, name) for name in
             ("started_at", "ended_at", "timezone", "opens_before", "closes_after", "state", "reference")} | {
        "interview_id": booked.id, "candidate_name": booked.candidate.name, "job_title": booked.job.title,
        "candidate_timezone": booked.candidate.timezone, "company": booked.job.company, "begun_at": session.begun_at,
        "booking_notes": schedule.booking_notes if schedule else "", "finished_at": session.finished_at,
    }  # fmt: skip
    return render(request, PAGE, access.facts(found) | {"kinds": kinds})


@require_GET
def enter(request: HttpRequest) -> HttpResponse:
    key, now = request.GET.get("session_key", ""), time.time()
    known = get_object_or_404(Session, public=access.public_part(key))
    if not access.is_key(key, known.public, known.key_id, known.generation):
        return HttpResponse(status=404)
    cookie = access.new_cookie()
    with transaction.atomic():
        session = Session.objects.get(pk=known.pk, generation=known.generation)
        Visit.objects.create(
            session=session, cookie_hash=access.cookie_hash(cookie), kind="candidate", generation=session.generation,
            created_at=now,
        )  # fmt: skip
        waiting = Visit.objects.filter(session=session, kind="candidate", engaged_at=None)
        too_many = waiting.order_by("-id").values_list("id", flat=True)[access.LIVE_VISITS : access.LIVE_VISITS + 1]
        for oldest in too_many:
            waiting.filter(id__lte=oldest).delete()
        if session.opened_at is None:
            session.opened_at = now
            session.save(update_fields=["opened_at"])
            Event.objects.create(at=now, kind="opened", data="{}", interview_id=session.interview_id)
    answer = HttpResponseRedirect("/interview", status=303)
    answer.set_cookie(access.COOKIE, cookie, httponly=True, samesite="Lax")
    return answer


@require_http_methods(["PUT"])
def save(request: HttpRequest, number: int) -> HttpResponse:
    if any(request.headers.get(name) != value for name, value in access.OWN_HEADERS.items()):
        return HttpResponse(status=403)
    data, now = json.loads(request.body), time.time()
    if not access.is_draft(data):
        return HttpResponse(status=400)
    visit = visit_of(request)
    if not access.shows(request.headers, visit.session.interview_id):
        return JsonResponse({"error": "other_interview"}, status=409)
    with transaction.atomic():
        session = Session.objects.select_related("interview").get(pk=visit.session_id)
        if state_of(session) != "running":
            return JsonResponse({"error": "not_running"}, status=409)
        if session.page not in (None, data["page"]) and now - session.held_at < access.HOLD_SECONDS:
            return JsonResponse({"error": "taken_over"}, status=409)
        if session.page != data["page"]:
            session.page, session.held_at = data["page"], now
            session.save(update_fields=["page", "held_at"])
        question = get_object_or_404(SessionQuestion, session=session, number=number)
        answer = Answer.objects.filter(session=session, number=number).first()
        if answer and answer.page == data["page"] and data["sequence"] <= answer.sequence:
            return _saved(answer.revision, now)
        if question.opened_at is None:
            question.opened_at = now
            question.save(update_fields=["opened_at"])
        if session.engaged_at is None:
            session.engaged_at = now
            session.save(update_fields=["engaged_at"])
        revision = answer.revision + 1 if answer else 1
        said = {"revision": revision, "saved_at": now} | {name: data[name] for name in ("text", "page", "sequence")}
        if answer:
            Answer.objects.filter(session=session, number=number).update(**said)
        else:
            Answer.objects.create(session=session, number=number, **said)
    return _saved(revision, now)


def _saved(revision: int, now: float) -> JsonResponse:
    return JsonResponse({"revision": revision, "saved_at": access.iso(now), "server_time": access.iso(now)})


urlpatterns = [
    path("", enter), path("interview", interview), path("api/interview/answers/<int:number>", save),
]  # fmt: skip
app = get_wsgi_application()
