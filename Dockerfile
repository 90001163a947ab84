FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS base

FROM base AS builder
WORKDIR /build
ENV PATH=/opt/fluvius2mqtt/bin:${PATH} PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/fluvius2mqtt
COPY requirements.lock .
RUN pip install --no-compile --require-hashes --only-binary :all: --requirement requirements.lock
COPY . .
RUN pip install --no-compile --no-deps --no-build-isolation . \
    && pip check \
    && pip uninstall --yes setuptools pip \
    && find /opt/fluvius2mqtt/lib -path '*/babel/locale-data/*' ! -name 'root.*' ! -name 'en*' ! -name 'nl*' \
        ! -name 'fr*' ! -name 'de*' -delete

FROM base
COPY --from=builder /opt/fluvius2mqtt /opt/fluvius2mqtt
# Nobody can write compiled modules later, and the official image has none: the first import of everything leaves
# what is ever needed, a third of what compiling everything would add.
# Parquet needs pyarrow, 50 MB of its own, which is left out.
RUN /opt/fluvius2mqtt/bin/python -c 'import idna, jinja2.ext, msal, pkgutil, segno, bridge; \
        [__import__(found.name) for found in pkgutil.walk_packages(bridge.__path__, "bridge.") \
            if found.name != "bridge.exporting.parquet"]' \
    && mkdir /config \
    && install --directory --owner 1000 --group 1000 --mode 700 /data
# Temporary files go to /data too: no other place needs to be writable. One arena of memory is enough for threads that
# take turns; what was taken for a moment, as for the fingerprint of a password, is given back (8 MB).
ENV PATH=/opt/fluvius2mqtt/bin:${PATH} \
    MALLOC_ARENA_MAX=1 \
    MALLOC_TRIM_THRESHOLD_=131072 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FLUVIUS2MQTT_DATA_DIR=/data \
    TMPDIR=/data
USER 1000:1000
WORKDIR /data
VOLUME /data
# The page, if it is on.
EXPOSE 8087
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=1m --timeout=20s --start-period=1m CMD ["fluvius2mqtt", "healthcheck"]
ENTRYPOINT ["fluvius2mqtt"]
CMD ["run"]

ARG BUILD_VERSION=local
ARG BUILD_ARCH=amd64|aarch64
LABEL org.opencontainers.image.title="fluvius2mqtt" \
      org.opencontainers.image.description="Fluvius meter readings on your MQTT broker" \
      org.opencontainers.image.source="https://github.com/fluvius2mqtt/fluvius2mqtt" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${BUILD_VERSION}" \
      io.hass.version="${BUILD_VERSION}" \
      io.hass.type="app" \
      io.hass.arch="${BUILD_ARCH}"
