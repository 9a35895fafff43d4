"""Tells Tidegate what happened, in batches and off the caller's path.

A batch that got no answer is sent again as it was: Tidegate knows the ids and counts nothing twice. What is not yet
sent is lost with this process. Where that matters, append to a file instead and let `tidegate record` send it.
"""

import collections
import threading
import time

from access import FAILURES

BATCH_MAX = 500  # Tidegate takes up to 1,000 at a time
PAUSE_S_MAX = 30.0


class Reports:
    def __init__(self, access, every_s, waiting_max=10_000, limit_s=10.0):
        self._access = access
        self._every_s = every_s
        self._waiting_max = waiting_max
        self._limit_s = limit_s
        self._waiting = collections.deque()
        self._changed = threading.Condition()
        self._drains = 0
        self._sending = False
        self.sent = collections.Counter()  # accepted, duplicate, rejected
        self.lost = 0
        self.retries = 0
        threading.Thread(target=self._run, name="reports", daemon=True).start()

    def add(self, *observations):
        """Queues observations, which stay in this order; the oldest make room where it is full."""
        with self._changed:
            self._waiting.extend(observations)
            while len(self._waiting) > self._waiting_max:
                self._waiting.popleft()
                self.lost += 1
            if len(self._waiting) >= BATCH_MAX:
                self._changed.notify_all()

    def drain(self):
        """Waits until everything queued so far was answered, however long Tidegate is away."""
        with self._changed:
            self._drains += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._sending)
            self._drains -= 1

    def _due(self):
        return len(self._waiting) >= BATCH_MAX or (self._drains and self._waiting)

    def _run(self):
        while True:
            with self._changed:
                self._changed.wait_for(self._due, timeout=self._every_s)
                batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
                self._sending = bool(batch)
            if batch:
                self._send(batch)
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _send(self, batch):
        pause_s = 0.05
        while True:
            wait_s = 0.0
            try:
                status, answer, wait_s = self._access.request(
                    "POST", "/v1/observations", self._limit_s, batch
                )
                if status == 200:
                    self._count(answer)
                    return
                why = f"{status} {answer.get('code')}: {answer.get('detail')}"
                # Tokens are mended by a person; what else is refused would be refused again.
                if 400 <= status < 500 and status not in (401, 403, 408, 429):
                    self.lost += len(batch)
                    print(f"reports: {len(batch)} observations were refused: {why}", flush=True)
                    return
            except FAILURES as error:
                why = repr(error)
            self.retries += 1
            pause_s = min(max(pause_s * 2, wait_s), PAUSE_S_MAX)
            print(f"reports: again in {pause_s:.1f} s: {why}", flush=True)
            time.sleep(pause_s)

    def _count(self, answer):
        for result in answer["results"]:
            if result["status"] == "rejected":
                print(f"reports: rejected: {result.get('code')}: {result.get('detail')}", flush=True)
        self.sent.update({status: answer[status] for status in ("accepted", "duplicate", "rejected")})
