# One image for every process; docker-compose.yml says which one a container is.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN groupadd --gid 10001 cts \
    && useradd --uid 10001 --gid cts --home-dir /app --no-create-home --shell /usr/sbin/nologin cts \
    && install --directory --owner=cts --group=cts --mode=0700 /data

WORKDIR /app
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt
COPY . .
RUN python -m compileall -q cts connections positions trading monitoring

# numba keeps compiled code beside the data: the rest of the file system may be read-only.
ENV CTS_VAR_DIR=/data \
    NUMBA_CACHE_DIR=/data/numba \
    ENVIRONMENT=production
USER cts
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "manage.py"]
CMD ["process", "web"]
