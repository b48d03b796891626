"""The models say what the migrated schema says: tables, columns, nullability, and instants in full precision."""

from datetime import UTC, datetime

import pytest

from store import models
from store.database import is_sqlite


def columns_of(desk, table):
    """Column → (is nullable, type in lower case)."""
    if is_sqlite(desk.db):
        rows = desk.rows(f"SELECT name, \"notnull\" = 0 AND pk = 0, lower(type) FROM pragma_table_info('{table}')")
    else:
        rows = desk.rows(
            "SELECT column_name, is_nullable = 'YES', data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = ?", table,
        )  # fmt: skip
    return {name: (bool(nullable), kind) for name, nullable, kind in rows}


@pytest.mark.parametrize("model", models.MODELS, ids=lambda model: model.__name__)
def test_a_model_has_the_columns_of_its_table(desk, model):
    schema = columns_of(desk, model._meta.table_name)
    fields = {field.column_name: bool(field.null) for field in model._meta.sorted_fields}
    assert fields == {name: nullable for name, (nullable, _) in schema.items()}


@pytest.mark.parametrize("model", models.MODELS, ids=lambda model: model.__name__)
def test_instants_are_double_precision(desk, model):
    schema = columns_of(desk, model._meta.table_name)
    kinds = {schema[f.column_name][1] for f in model._meta.sorted_fields if isinstance(f, models.Instant)}
    assert kinds <= {"double", "double precision"}


def test_every_table_of_the_record_can_be_read_through_its_model(desk, booked):
    read = {model.__name__: len(list(model.select())) for model in models.MODELS}
    assert read["Interview"] == read["InterviewSession"] == read["Notification"] == read["Event"] == 1
    assert models.Interview.get().candidate.address == "asha@example.com"


def test_an_instant_is_aware_utc_to_the_microsecond(db, desk, booked):
    exact = datetime(2026, 11, 30, 7, 20, 0, 123456, tzinfo=UTC)
    models.InterviewSession.update(begun_at=exact).execute()
    assert models.InterviewSession.get().begun_at == exact
    assert models.InterviewSession.get(models.InterviewSession.begun_at == exact).finished_at is None


def test_a_naive_datetime_does_not_get_into_the_record(db, booked):
    with pytest.raises(ValueError, match="has no time zone"):
        models.InterviewSession.update(begun_at=datetime(2026, 11, 30, 7, 20)).execute()
    assert models.InterviewSession.get().begun_at is None
