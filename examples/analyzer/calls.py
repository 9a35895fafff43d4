"""Calls of a model that may hang: bounded in time, in number, and never in the way of a caller."""

import queue
import threading


class Overdue(Exception):
    """A call took longer than its limit."""


class Full(Exception):
    """A call was not begun, as too many others are in flight."""


class BoundedCalls:
    """Runs calls, each in a thread of its own, and gives up on those that take too long.

    A thread cannot be stopped from outside: one that is overdue is left to itself, and stays in flight until it
    returns. Let the client of your model have a time-out of its own, a little longer than the limit here, so that
    such threads do come back.
    """

    def __init__(self, in_flight_max):
        self._in_flight_max = in_flight_max
        self._lock = threading.Lock()
        self.in_flight = 0

    def full(self):
        return self.in_flight >= self._in_flight_max

    def run(self, call, limit_s):
        """What `call()` returns; raises what it raises, or Overdue or Full."""
        with self._lock:
            if self.full():
                raise Full(f"{self.in_flight} calls are in flight")
            self.in_flight += 1
        ended = threading.Event()
        outcome = []

        def body():
            try:
                outcome.append((call(), None))
            except Exception as error:  # whatever the client of a model may raise
                outcome.append((None, error))
            with self._lock:
                self.in_flight -= 1
            ended.set()

        threading.Thread(target=body, daemon=True).start()
        if not ended.wait(limit_s):
            raise Overdue(f"no answer within {limit_s} s")
        result, error = outcome[0]
        if error is not None:
            raise error
        return result


class Shadow:
    """Does work after the caller was answered, by a few workers and within a budget.

    `offer` returns at once. What finds no room is dropped and counted: a comparison less is no harm, an answer that
    waits for one is.
    """

    def __init__(self, work, has_room, workers, waiting_max):
        self._work = work
        self._has_room = has_room
        self._jobs = queue.Queue(maxsize=waiting_max)
        self._lock = threading.Lock()
        self.dropped = 0
        for number in range(workers):
            threading.Thread(target=self._run, name=f"shadow-{number}", daemon=True).start()

    def offer(self, job):
        """Takes a job where there is room for it; whether it did."""
        try:
            if self._has_room():
                self._jobs.put_nowait(job)
                return True
        except queue.Full:
            pass
        self.drop()
        return False

    def drop(self):
        """Counts work that found no room."""
        with self._lock:
            self.dropped += 1

    def waiting(self):
        return self._jobs.qsize()

    def drain(self):
        """Waits until every job that was taken is done."""
        self._jobs.join()

    def _run(self):
        while True:
            job = self._jobs.get()
            try:
                self._work(job)
            except Exception as error:  # a worker that ended would be missing for good
                print(f"shadow: {error!r}", flush=True)
            finally:
                self._jobs.task_done()
