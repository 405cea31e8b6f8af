"""The awaited face imports as the blocking one does."""

from __future__ import annotations

import asyncio

from crmkit import aconnect, system
from tests.importers.conftest import customers

job = system("migration")


def test_an_import_can_be_awaited(files):
    folder = files(a__csv="No,Name\n1,Acme\n2,\n")

    async def load():
        async with await aconnect("memory://") as crm:
            plan = await crm.imports(job).plan(customers(), folder=folder)
            run = await plan.apply()
            async with crm.session(job) as s:
                return plan.counts == run.counts, len(run.rejects), await s.customers.count()

    assert asyncio.run(load()) == (True, 1, 1)
