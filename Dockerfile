# The server and its ticker in one image.
#
#   docker build -t worldtick .
#   docker run -p 8080:8080 -e WORLDTICK_ADMIN_TOKEN=… -v worldtick-data:/var/lib/worldtick worldtick

FROM rust:1.95-bookworm AS builder
# librdkafka is built from source: a C and C++ compiler, make, pkg-config and OpenSSL's headers. The full rust image
# has them; the slim one would not.
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin worldtick --bin simulation-ticker

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/worldtick --shell /usr/sbin/nologin worldtick \
    && install --directory --owner worldtick --group worldtick --mode 0750 /var/lib/worldtick
COPY --from=builder /build/target/release/worldtick /build/target/release/simulation-ticker /usr/local/bin/
# Where the CronJobs that came before this image expect it.
RUN ln -s /usr/local/bin/simulation-ticker /simulation-ticker
COPY assets/config /opt/worldtick/assets/config
COPY LICENSE-MIT LICENSE-APACHE /opt/worldtick/

# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
# World files and the configuration are looked for below it; nothing is written here.
WORKDIR /opt/worldtick
ENV WORLDTICK_DATA_DIR=/var/lib/worldtick \
    WORLDTICK_ADMIN_LISTEN=0.0.0.0:8080
VOLUME /var/lib/worldtick
EXPOSE 8080
# /readyz: the store answers, Kafka is read and written, the worlds are restored.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/worldtick", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/worldtick"]
