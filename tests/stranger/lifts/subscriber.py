"""What acts on messages after the commit: it reads the outbox, from where it stopped."""

from __future__ import annotations

import json

from crmkit import f, system


class Subscriber:
    """Hands on messages of some topics, each once."""

    def __init__(self, crm, topics) -> None:
        self._crm = crm
        self._topics = tuple(topics)
        self._seen = set()

    def pull(self):
        """Return what is new, as pairs of topic and payload."""
        with self._crm.session(system("subscriber")) as s:
            messages = s.outbox.find(f.topic.one_of(*self._topics), order=f.id)
            fresh = [each for each in messages if each.id not in self._seen]
        self._seen |= {each.id for each in fresh}
        return [(each.topic, json.loads(each.payload)) for each in fresh]
