"""Settings, all from the environment; every variable is explained in `.env.example` and `docs/settings.md`.

Safe by default: without DEBUG a missing or default secret stops the start and names the variable to set.
"""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from . import redaction

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
if env.bool("ECHO_LMS_READ_DOT_ENV", default=True):
    environ.Env.read_env(BASE_DIR / ".env")


def _required(name: str, *, development: str) -> str:
    """The variable; in DEBUG a fixed development value stands in, otherwise its absence stops the start."""
    value: str = env.str(name, default="")
    if value and (DEBUG or not value.startswith("development-only")):
        return value
    if DEBUG:
        return development
    raise ImproperlyConfigured(f"Set {name} in the environment or in .env (see .env.example).")


DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY: str = _required("SECRET_KEY", development="development-only-not-a-secret-key-0123456789abcdef")
FERNET_KEYS: list[str] = [
    key.strip()
    for key in _required("FERNET_KEYS", development="development-only-not-an-encryption-key").split(",")
    if key.strip()
]
FERNET_USE_HKDF = True

SITE_URL: str = _required("SITE_URL", development="http://localhost:8000").rstrip("/")
_site = environ.urlparse(SITE_URL)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[_site.hostname or "localhost"])
_https = _site.scheme == "https"

# --- Applications -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "django_structlog",
    "accounts",
    "configurations",
    "directory",
    "schedules",
    "analytics",
    "echo_lms",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Straight after security: events and static files need no session, no sign-in and no policy of their own.
    "echo_lms.middleware.EventsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Closed by default: a view open to anonymous people says so with @login_not_required.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "accounts.middleware.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # Last: it must see the outcome of the sign-in before it counts failures.
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "echo_lms.urls"
WSGI_APPLICATION = "echo_lms.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.navigation.navigation",
            ],
        },
    },
]

# --- Data -------------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default="postgres:///echo_lms")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database (postgres://…).")
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = env.str("REDIS_URL", default="redis://localhost:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- People -----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign_in"

TRUSTED_PROXIES: int = env.int("TRUSTED_PROXIES", default=0)
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# Each pair of address and e-mail on its own, so that nobody can lock a colleague out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["ip_address", "username"]]
AXES_USERNAME_FORM_FIELD = "username"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out"
AXES_CLIENT_IP_CALLABLE = "accounts.addresses.client_address"
AXES_VERBOSE = False

# --- Browser security -------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "echo_lms_session"
CSRF_COOKIE_NAME = "echo_lms_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _https else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
# Both speak for other hosts of the institution's domain: its decision, not a fault of this one.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=_https)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
# The default, same-origin, would cut the Authorize popup off from the page that opened it (docs/canvas.md §8).
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

# --- Language, time, files --------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "echo_lms.formats"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
# No address leads here: views hand out what a person may see.
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / ".data" / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# --- Canvas -----------------------------------------------------------------------------------------
# The one exception to "https on a public address": host:port pairs, for a Canvas on this machine.
LMS_ALLOWED_INSECURE_HOSTS: list[str] = env.list("LMS_ALLOWED_INSECURE_HOSTS", default=[])
LMS_CA_BUNDLE: str = env.str("LMS_CA_BUNDLE", default="")
LMS_CONNECT_TIMEOUT: float = env.float("LMS_CONNECT_TIMEOUT", default=5.0)
LMS_READ_TIMEOUT: float = env.float("LMS_READ_TIMEOUT", default=15.0)
# Requests of background work that run at a time at one Canvas, over all processes (docs/canvas.md §7).
LMS_PARALLEL_REQUESTS: int = env.int("LMS_PARALLEL_REQUESTS", default=2)
LMS_REFRESH_MINUTES: int = env.int("LMS_REFRESH_MINUTES", default=720)
LMS_CONTACT: str = env.str("LMS_CONTACT", default=SITE_URL)

# --- Schedules --------------------------------------------------------------------------------------
CAPTURE_MAX_MINUTES: int = env.int("CAPTURE_MAX_MINUTES", default=240)

# --- Analytics --------------------------------------------------------------------------------------
EVENTS_MAX_BYTES: int = env.int("EVENTS_MAX_BYTES", default=5 * 1024 * 1024)
EVENTS_KEEP_MONTHS: int = env.int("EVENTS_KEEP_MONTHS", default=12)
ANALYTICS_SMALL_GROUP: int = env.int("ANALYTICS_SMALL_GROUP", default=10)
INSTITUTION_TIME_ZONE: str = env.str("INSTITUTION_TIME_ZONE", default="UTC")

# --- Background work --------------------------------------------------------------------------------
# kombu writes a unix socket's address differently from redis-py.
CELERY_BROKER_URL = re.sub(r"^unix://([^?]+)(?:\?db=(\d+))?$", r"redis+socket://\1?virtual_host=\2", REDIS_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest task, or it would run twice; the sweep itself runs often, so that the work of
    # a killed worker comes back in minutes and not in hours.
    "visibility_timeout": 360,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# --- Logs -------------------------------------------------------------------------------------------
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOGGING = redaction.logging_configuration(LOG_LEVEL, as_json=env.bool("LOG_JSON", default=not DEBUG))
redaction.configure_structlog()
# Requests that go well are the proxy's to log, or gunicorn's (ACCESS_LOG): written here, with who is signed in,
# they would tell who watches what. Addresses are left out for the same reason; of sign-ins axes keeps them.
DJANGO_STRUCTLOG_STATUS_DEFAULT_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DEFAULT_EXCEPTION_REPORTER = "echo_lms.redaction.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "echo_lms.redaction.ReporterFilter"

django_stubs_ext.monkeypatch()
