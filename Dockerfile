# Relevo in a small image. `docker build -t relevo .`
#
# Tags name a version; to fix every byte, pin the digests that you have tested: FROM rust:1.95.0-slim-trixie@sha256:...

FROM rust:1.95.0-slim-trixie AS build
WORKDIR /src
# The dependencies alone, behind a program that does nothing, so that they are built again only when they change.
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
RUN mkdir src \
    && echo 'fn main() {}' >src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src
COPY config config
COPY src src
# Cargo goes by the time of a file, and the files of a checkout may be older than the program above.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked && target/release/relevo --version

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="Relevo" \
    org.opencontainers.image.description="A self-hosted multichannel outreach gateway with failover" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
# The authorities by which providers are recognised. Time zones are in the program.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin relevo \
    && install -d -o relevo -g relevo -m 0700 /var/lib/relevo \
    && install -d /etc/relevo
COPY --from=build /src/target/release/relevo /usr/local/bin/relevo
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/relevo/
USER 10001:10001
# The configuration is mounted at /etc/relevo/relevo.toml; its store.path should be /var/lib/relevo.
VOLUME ["/var/lib/relevo"]
EXPOSE 50051
# Calls in flight are let finish, and the store is closed in order; give it the time: docker stop --time 60.
STOPSIGNAL SIGTERM
# It asks RELEVO_SERVER, which is http://127.0.0.1:50051 unless set.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["relevo", "health", "--timeout", "3s"]
ENTRYPOINT ["relevo"]
CMD ["serve", "--config", "/etc/relevo/relevo.toml"]
