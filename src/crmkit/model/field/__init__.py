"""Kinds of field, one file each: what a model's attribute accepts, and everything that crmkit does with it."""

from crmkit.model.field.attached import AttachedField
from crmkit.model.field.choice import ChoiceField
from crmkit.model.field.column import Column
from crmkit.model.field.day import DayField
from crmkit.model.field.decimal import DecimalField
from crmkit.model.field.declaration import declare
from crmkit.model.field.document import DocumentField
from crmkit.model.field.extra import NO_EXTRA, Extra, ExtraField
from crmkit.model.field.field import Field
from crmkit.model.field.flag import FlagField
from crmkit.model.field.instant import InstantField
from crmkit.model.field.integer import IntegerField
from crmkit.model.field.key import KeyField
from crmkit.model.field.link import LinkField, ReferenceField
from crmkit.model.field.money import MoneyField
from crmkit.model.field.spelling import Spelling
from crmkit.model.field.tags import TagsField
from crmkit.model.field.text import TextField
from crmkit.model.field.translated import TranslatedField

__all__ = [
    "NO_EXTRA",
    "AttachedField",
    "ChoiceField",
    "Column",
    "DayField",
    "DecimalField",
    "DocumentField",
    "Extra",
    "ExtraField",
    "Field",
    "FlagField",
    "InstantField",
    "IntegerField",
    "KeyField",
    "LinkField",
    "MoneyField",
    "ReferenceField",
    "Spelling",
    "TagsField",
    "TextField",
    "TranslatedField",
    "declare",
]
