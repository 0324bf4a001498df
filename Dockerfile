# One image for web, worker, beat and the one-shot migrate (docker-compose.yml says which command each runs).
FROM python:3.12-slim AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ECHO_LMS_READ_DOT_ENV=0 \
    STATIC_ROOT=/srv/staticfiles \
    MEDIA_ROOT=/srv/media
RUN useradd --system --uid 10001 --home-dir /srv/echo_lms --shell /usr/sbin/nologin echo_lms \
 && install -d -o echo_lms /srv/media
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/echo_lms
COPY manage.py pyproject.toml ./
COPY echo_lms/ echo_lms/
COPY accounts/ accounts/
COPY canvas/ canvas/
COPY configurations/ configurations/
COPY directory/ directory/
COPY schedules/ schedules/
COPY analytics/ analytics/
COPY templates/ templates/
COPY static/ static/
# The settings refuse to start without their secrets; these stand in for this one command.
RUN SECRET_KEY=only-while-building-0123456789-abcdefghijklmnopqrstuvwxyz FERNET_KEYS=only-while-building \
    SITE_URL=https://build.invalid python manage.py collectstatic --noinput
USER echo_lms
EXPOSE 8000
# The Host header is one that the settings know.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.parse as p, urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/healthz', headers={'Host': p.urlsplit(os.environ['SITE_URL']).netloc}), timeout=4)"]
CMD ["gunicorn", "echo_lms.wsgi", "-c", "echo_lms/gunicorn.py"]
