# syntax=docker/dockerfile:1
# One image for `alike serve`, `alike build` and the rest: the binary, ONNX Runtime's library, the embedding model.
#
#   docker build -t alike .
#   docker run --rm -p 7700:7700 -v "$PWD/.alike/store:/data:ro" --read-only alike serve --data /data --listen 0.0.0.0:7700

# What both stages below start from; 1.95 is the rust-version in Cargo.toml.
FROM rust:1.95-slim-bookworm AS base
WORKDIR /source

# The library and the model change rarely: only these files decide whether they are made again.
FROM base AS installed
COPY scripts/setup scripts/lib.sh scripts/export_onnx.py scripts/requirements.txt scripts/
RUN scripts/setup

# Compiled dependencies stay in the cache mounts, so that a changed source file rebuilds only what it touches.
# What `.` holds is listed in .dockerignore.
FROM base AS builder
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin alike \
    && install -D target/release/alike /out/alike

# By codename, not by date: a rebuild picks up Debian's security fixes. ONNX Runtime needs libstdc++, which is in it.
FROM debian:bookworm-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin alike \
    && install -d -o alike -g alike /data
COPY --from=installed /source/.alike/lib /opt/alike/.alike/lib
COPY --from=installed /source/.alike/models /opt/alike/.alike/models
COPY --from=builder /out/alike /opt/alike/bin/alike
ENV PATH=/opt/alike/bin:$PATH
# The variant that runs fastest where the processor has a kernel for it; the plain model stays beside it.
RUN alike model optimize /opt/alike/.alike/models/all-minilm-l6-v2
USER 10001:10001
WORKDIR /data
EXPOSE 7700
STOPSIGNAL SIGTERM
# Healthy = ready to answer. The image has no HTTP client, but bash speaks TCP.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7700 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]
ENTRYPOINT ["alike"]
CMD ["--help"]
