"""gunicorn's configuration for the web process."""

from __future__ import annotations

import os

from echo_lms.garbage import leave_alone_what_is_loaded

bind = os.environ.get("BIND", "0.0.0.0:8000")  # inside its container; the demo sets BIND to loopback
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
control_socket_disable = True  # nothing uses it, and it would write to the home folder
worker_class = "gthread"
# Workers show that they are alive by touching a file at each turn. In memory, if there is a folder for that: on a
# disk that is busy for the database each touch would wait.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn makes the file itself
timeout = 60
graceful_timeout = 10
max_requests = 5000
max_requests_jitter = 500
# The path without its query: the OAuth callback carries a code there.
accesslog = os.environ.get("ACCESS_LOG") or None
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s %(M)sms'
errorlog = "-"


def post_worker_init(_worker: object) -> None:
    leave_alone_what_is_loaded()
