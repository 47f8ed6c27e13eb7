"""Django's settings: what the environment says, and the fixed rest."""

from datetime import timedelta
from typing import Any

import environ
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from cts.environment import BASE_DIR, Environment
from cts.logs import logging_config

ENV = Environment()

ENVIRONMENT = ENV.name
VAR_DIR = ENV.var_dir
WEB_BIND = ENV.address("CTS_WEB_BIND", "127.0.0.1:8000")
WEB_WORKERS = ENV.integer("CTS_WEB_WORKERS", 2, 1, 32)
APP_URL = ENV.url("APP_URL", f"http://127.0.0.1:{WEB_BIND[1]}", ("http", "https")).rstrip("/")
SECRET_KEY = ENV.secret("SESSION_SECRET")
JWT_SECRET = ENV.secret("JWT_SECRET")
ENCRYPTION_KEYS = ENV.fernet_keys("ENCRYPTION_KEY")
API_SIGNING_SECRET = ENV.secret("API_SIGNING_SECRET")

DEBUG = False
_HOST = APP_URL.split("://", 1)[1].split("/", 1)[0].rsplit(":", 1)[0]
ALLOWED_HOSTS = sorted({_HOST, "127.0.0.1", "localhost"})
CSRF_TRUSTED_ORIGINS = [APP_URL]

# The sandbox exchange: a practice ground, always labelled SANDBOX.
SANDBOX_URL = ENV.url("CTS_SANDBOX_URL", "http://127.0.0.1:8090", ("http", "https")).rstrip("/")
SANDBOX_ENABLED = ENV.choice("CTS_SANDBOX", ("on", "off"), "on") == "on"
SANDBOX_KEY = ENV.secret("CTS_SANDBOX_KEY", optional_in_production=True)
SANDBOX_SECRET = ENV.secret("CTS_SANDBOX_SECRET", optional_in_production=True)
SANDBOX_CONTROL_TOKEN = ENV.secret("CTS_SANDBOX_CONTROL_TOKEN", optional_in_production=True)
REPLAY_DIR = ENV.text("CTS_REPLAY_DIR")

# The first start: the admin that `ensure_admin` makes, and what `prepare` runs after it.
ADMIN_USERNAME = ENV.text("CTS_ADMIN_USERNAME", "admin")
ADMIN_PASSWORD = ENV.text("CTS_ADMIN_PASSWORD")
CTS_PREPARE_COMMANDS = ["setup_schedules"]
if not ENV.is_production:
    CTS_PREPARE_COMMANDS.append("setup_practice")

INSTALLED_APPS = [
    "cts",
    "connections",
    "positions",
    "trading",
    "monitoring",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_htmx",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "cts.middleware.AdminContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "cts.urls"
ASGI_APPLICATION = "cts.asgi.application"
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
                "csp.context_processors.nonce",
            ],
        },
    }
]

# Database: SQLite on one machine, PostgreSQL by DATABASE_URL

DATABASE_URL = ENV.url(
    "DATABASE_URL",
    f"sqlite:///{VAR_DIR / 'cts.sqlite3'}",
    ("sqlite", "postgres", "postgresql"),
)
DATABASES = {"default": environ.Env.db_url_config(DATABASE_URL)}
_DATABASE = DATABASES["default"]
if _DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    # synchronous=FULL: an order intent that was committed is still there after a power cut.
    _DATABASE["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    _DATABASE["OPTIONS"] = {
        **_DATABASE.get("OPTIONS", {}),
        # Per process; a server takes 100 connections unless told otherwise.
        "pool": {
            "min_size": 1,
            "max_size": ENV.integer("CTS_DATABASE_POOL", 12, 2, 100),
            "timeout": 10,
        },
        "connect_timeout": 10,
    }
_DATABASE["TEST"] = {"NAME": ENV.text("CTS_TEST_DATABASE") or None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis: broker, cache, price board. Without REDIS_URL `manage.py up` starts its own

REDIS_URL = ENV.url("REDIS_URL", "", ("redis", "rediss", "unix"))
EMBEDDED_REDIS = not REDIS_URL
VALKEY_SOCKET = VAR_DIR / "run" / "valkey.sock"
if EMBEDDED_REDIS:
    REDIS_URL = f"unix://{VALKEY_SOCKET}"
if len(str(VALKEY_SOCKET).encode()) > 100 and EMBEDDED_REDIS:
    raise ImproperlyConfigured(
        f"CTS_VAR_DIR: expected a path short enough for a unix socket (at most 100 bytes with "
        f"run/valkey.sock), was {VAR_DIR}"
    )

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cts",
        "OPTIONS": {"socket_timeout": 5, "socket_connect_timeout": 5},
    }
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TASK_ROUTES = {"trading.tasks.nudge_engines": {"queue": "engines"}}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 110
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    # Without these kombu gives unacknowledged messages back only every 100 s.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
DJANGO_CELERY_BEAT_TZ_AWARE = True

# People: sign-in, passwords, sessions

AUTH_USER_MODEL = "cts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "cts.authentication.RoleBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "cts.authentication.locked_out"
AXES_ENABLE_ADMIN = False

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = APP_URL.startswith("https://")
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 31_536_000 if APP_URL.startswith("https://") else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if ENV.text("CTS_BEHIND_PROXY") == "1":
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "EXCLUDE_URL_PREFIXES": ["/admin/"],  # ADMIN_CONTENT_SECURITY_POLICY stands there
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
# unfold: Alpine evaluates the attributes of its pages, the theme's colours are an inline style.
ADMIN_CONTENT_SECURITY_POLICY = {
    **CONTENT_SECURITY_POLICY["DIRECTIVES"],
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}

# REST API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["cts.api.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "cts.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {"anon": "30/min", "user": "600/min", "sign-in": "10/min"},
    "EXCEPTION_HANDLER": "cts.api.problems.problem_response",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SECRET,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CTS API",
    "DESCRIPTION": "Self-hosted crypto trading system. Amounts are decimal strings, times UTC.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "DoorEnum": "cts.choices.Source",
        "PositionSourceEnum": "positions.choices.PositionSource",
        "PositionSideEnum": "positions.choices.Side",
        "OrderSideEnum": "positions.choices.OrderSide",
        "OrderStateEnum": "positions.choices.OrderState",
        "PositionStateEnum": "positions.choices.PositionState",
    },
}

# Static files, language, time

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = logging_config(json=ENV.is_production)

UNFOLD = {
    "SITE_TITLE": "CTS",
    "SITE_HEADER": "CTS",
    "SITE_URL": reverse_lazy("dashboard"),
    "SHOW_HISTORY": False,
}
