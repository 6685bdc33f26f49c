# syntax=docker/dockerfile:1

# Both images are Debian 12, so that what is built in one runs in the other. For builds that are the same to the byte, pin each by digest (`image@sha256:...`).
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# The dependencies alone, so that a change of our own code does not build them again.
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && cargo build --release --locked && rm -rf src

COPY src src
COPY config config
# Newer than what the step before built.
RUN touch src/main.rs src/lib.rs && cargo build --release --locked \
    && strip target/release/relevo

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/relevo --create-home relevo
LABEL org.opencontainers.image.title="relevo" \
      org.opencontainers.image.description="A self-hosted multichannel outreach gateway with failover" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /build/target/release/relevo /usr/local/bin/relevo

# The configuration in /etc/relevo/relevo.toml, with store.path = "/var/lib/relevo" and server.listen = "0.0.0.0:50051".
VOLUME ["/etc/relevo", "/var/lib/relevo"]
USER relevo
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["relevo", "--timeout", "2s", "health"]
ENTRYPOINT ["relevo"]
CMD ["serve", "--config", "/etc/relevo/relevo.toml"]
