"""Customers over HTTP: create, list, filter, page, update. Run it with `uvicorn examples.customers_api:app`."""

import os
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import crmkit
from crmkit import CrmError, Customer, connect, f, from_dict, system, to_dict, where_from

STATUS = {crmkit.BadExpression: 422, crmkit.BadRecord: 422, crmkit.NotFound: 404, crmkit.Refused: 409, crmkit.Busy: 503}
ACTOR = system("api")  # an app that knows its users gives Actor(id=user.id)

crm = connect(os.environ.get("DATABASE", "sqlite:///customers.db"))
app = FastAPI(title="Customers")


class Page(BaseModel):
    """Some customers; `next` is what to give as `after` for the following ones."""

    items: list[Customer]
    next: str | None


@app.exception_handler(CrmError)
def refused(_: Request, error: CrmError) -> JSONResponse:
    """Say what crmkit says: the fact, and the way out."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    return JSONResponse({"code": error.code, "detail": str(error)}, status)


@app.post("/customers", status_code=201)
def create(customer: Annotated[Customer, Body()]) -> Customer:
    """Add a customer."""
    with crm.session(ACTOR) as s:
        return s.customers.add(customer)


@app.get("/customers")
def find(request: Request, after: str | None = None, limit: int = 20) -> Page:
    """List customers by name; every other parameter is a condition, such as `country=DE` or `score__gt=10`."""
    named = [(name, text) for name, text in request.query_params.multi_items() if name not in {"after", "limit"}]
    with crm.session(ACTOR) as s:
        page = s.customers.find(where_from(Customer, named), order=f.name, after=after, limit=limit)
    return Page(items=list(page), next=page.next)


@app.patch("/customers/{id}")
def update(id: UUID, version: int, changes: dict[str, Any]) -> Customer:
    """Change some fields of the version that the caller has seen; 409 if somebody else was faster."""
    with crm.session(ACTOR) as s:
        wanted = from_dict(Customer, to_dict(s.customers.get(id)) | changes | {"version": version})
        return s.customers.update(wanted, **{name: getattr(wanted, name) for name in changes})
