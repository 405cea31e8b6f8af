"""Django's ORM on SQLite, without a project."""

# ruff: noqa: D102 - Participant says what each method does

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import django
from django.conf import settings
from django.db import connection, models

from benchmarks import sqlite_file
from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Participant, Workload, changed_one
from benchmarks.record import FIELDS, plain

if not settings.configured:
    settings.configure(
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": "",
                "OPTIONS": {"init_command": "; ".join(sqlite_file.SETTINGS)},
            }
        },
    )
    django.setup()


class DjangoCustomer(models.Model):
    """A customer as a Django model."""

    objects: ClassVar[Any]

    id = models.UUIDField(primary_key=True)
    version = models.IntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    status = models.CharField(max_length=20)
    tier = models.CharField(max_length=20)
    industry = models.CharField(max_length=40)
    size = models.CharField(max_length=20)
    region = models.CharField(max_length=40)
    email = models.CharField(max_length=254)
    phone = models.CharField(max_length=40)
    website = models.CharField(max_length=200, null=True)  # noqa: DJ001 - the record tells missing from empty
    street = models.CharField(max_length=200)
    city = models.CharField(max_length=100)
    postcode = models.CharField(max_length=20)
    country = models.CharField(max_length=2)
    source = models.CharField(max_length=40)
    score = models.IntegerField()
    credit_limit = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    owner_id = models.UUIDField()
    tags = models.JSONField()
    notes = models.TextField(null=True)  # noqa: DJ001 - the record tells missing from empty

    class Meta:
        """The table; its indexes are the harness's."""

        app_label = "benchmarks"
        db_table = "customer"

    def __str__(self) -> str:
        return str(self.name)


class Django(Participant[DjangoCustomer, tuple[uuid.UUID, int]]):
    """Objects in by bulk_create, objects out of a query set."""

    title = "Django ORM"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.path = workload.folder / "django.db"
        self.objects: list[DjangoCustomer] = []

    def clear(self) -> None:
        self.close()
        sqlite_file.remove(self.path)
        connection.settings_dict["NAME"] = str(self.path)
        with connection.schema_editor() as editor:
            editor.create_model(DjangoCustomer)
        sqlite_file.create_indexes(self.path, "customer", self.workload.indexes)

    def build(self) -> None:
        self.objects = [DjangoCustomer(**plain(record)) for record in self.workload.records]

    def add(self) -> None:
        DjangoCustomer.objects.bulk_create(self.objects)

    def read(self) -> Sequence[DjangoCustomer]:
        return list(DjangoCustomer.objects.all())

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[DjangoCustomer]:
        return [DjangoCustomer.objects.get(pk=key) for key in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[tuple[uuid.UUID, int]]:
        return list(DjangoCustomer.objects.filter(pk__in=ids).values_list("id", "version"))

    def update(self, held: Sequence[tuple[uuid.UUID, int]], score: int) -> None:
        for key, version in held:
            matched = DjangoCustomer.objects.filter(pk=key, version=version)
            changed = matched.update(score=score, version=models.F("version") + 1, updated_at=dt.datetime.now(dt.UTC))
            changed_one(self.title, changed)

    def page(self, times: int) -> Sequence[DjangoCustomer]:
        found: Sequence[DjangoCustomer] = ()
        for _ in range(times):
            matched = DjangoCustomer.objects.filter(status=PAGE_STATUS, tier=PAGE_TIER, score__gt=PAGE_SCORE)
            found = list(matched.order_by("-score", "-id")[:PAGE_SIZE])
        return found

    def values(self, entity: DjangoCustomer) -> Mapping[str, object]:
        found = {name: getattr(entity, name) for name in FIELDS}
        return found | {"tags": tuple(found["tags"])}

    def close(self) -> None:
        connection.close()
