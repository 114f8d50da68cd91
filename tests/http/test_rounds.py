"""Jobs of a round beside each other: how many, what breaks, and that none holds a process."""

import time
from collections import Counter
from pathlib import Path
from threading import Lock

from keysat_http.rounds import Job, Tally, in_threads, in_threads_for
from tests.support.fresh_python import run_python

HANGING = """
import time
from collections import Counter
from keysat_http.rounds import Job, in_threads_for, in_threads

def hang():
    time.sleep(600)
    return Counter()

def both():
    return Counter(changed=len(in_threads([Job(run=hang, ids={})] * 2, 2)))

print(in_threads_for(0.1)([Job(run=both, ids={})] * 2, 2))
"""


class Busy:
    """Notes how many are at work beside each other."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = Lock()

    def work(self) -> Tally:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return Counter({"changed": 1})


def test_so_many_jobs_run_beside_each_other_and_all_are_told() -> None:
    busy = Busy()
    done = in_threads([Job(run=busy.work, ids={})] * 9, 3)
    assert sum(done, Counter()) == {"changed": 9}
    assert 1 < busy.most <= 3


def test_one_that_breaks_is_refused_and_stops_no_other() -> None:
    def breaks() -> Tally:
        raise ZeroDivisionError

    busy = Busy()
    jobs = [Job(run=breaks, ids={}), *[Job(run=busy.work, ids={})] * 3, Job(run=breaks, ids={})]
    for fan_out in (in_threads, in_threads_for(5)):
        assert sum(fan_out(jobs, 2), Counter()) == {"changed": 3, "refused": 2}


def test_a_process_that_ends_waits_for_no_job(tmp_path: Path) -> None:
    """Or this test takes longer than any may."""
    assert run_python(HANGING, tmp_path) == "[]\n"
