"""Labels: what people read in place of the names and codes that programs use, in their own language."""

from crmkit.labels.labels import Labels
from crmkit.labels.vocabulary import Vocabulary
from crmkit.labels.wording import Wording, Words

__all__ = ["Labels", "Vocabulary", "Wording", "Words"]
