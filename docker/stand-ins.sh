#!/usr/bin/env bash
# Makes images that stand in for the public ones where no image registry can be reached: a Debian from its package
# mirror, and on top of it Kafka (jars through Maven), RabbitMQ, this machine's Rust toolchain, and a bare runtime.
#
#   sudo docker/stand-ins.sh [kafka] [rabbitmq] [rust] [runtime]      (default: all four)
#
# Needs root, a running Docker engine, debootstrap, and a package mirror; `kafka` needs Maven as well, `rust` a
# toolchain of rustup. At the end it prints the variables that make Compose and the Dockerfile use the images.
set -euo pipefail

SUITE="${SUITE:-bookworm}"
# The mirrors that this machine's own apt uses, unless others are named.
apt_site() { apt-get indextargets --format '$(SITE)' "Created-By: Packages" | grep "$@" | head -n 1 || true; }
MIRROR="${MIRROR:-$(apt_site -v security)}"
SECURITY_MIRROR="${SECURITY_MIRROR:-$(apt_site security)}"
BASE="bindery-standin-base:$SUITE"
HERE="$(cd "$(dirname "$0")" && pwd)"
ROOT="$(dirname "$HERE")"
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT

say() { echo "stand-ins: $*" >&2; }

need() {
  command -v "$1" > /dev/null || { say "\`$1\` is missing; $2"; exit 1; }
}

# The root of every image: a minimal Debian that trusts the certificate authorities which this machine trusts.
make_base() {
  if docker image inspect "$BASE" > /dev/null 2>&1; then return; fi
  [ -n "$MIRROR" ] || { say "apt names no mirror here; set MIRROR and SECURITY_MIRROR"; exit 1; }
  say "Debian $SUITE from $MIRROR"
  debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$WORK/base" "$MIRROR" > "$WORK/debootstrap.log" ||
    { tail -n 20 "$WORK/debootstrap.log" >&2; exit 1; }
  {
    echo "deb $MIRROR $SUITE main"
    [ -z "$SECURITY_MIRROR" ] || echo "deb $SECURITY_MIRROR $SUITE-security main"
  } > "$WORK/base/etc/apt/sources.list"
  cp /etc/ssl/certs/ca-certificates.crt "$WORK/base/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$WORK/base/var/cache/apt/archives/"*.deb
  tar -C "$WORK/base" -c . | docker import - "$BASE" > /dev/null
}

# Builds image $1 from the Dockerfile on standard input and the context in folder $2.
build() {
  say "$1"
  cat > "$2/Dockerfile"
  docker build --network host --quiet --build-arg BASE="$BASE" --tag "$1" "$2" > /dev/null
}

make_runtime() {
  docker tag "$BASE" bindery-standin-runtime
}

make_kafka() {
  need mvn "install maven"
  mkdir -p "$WORK/kafka/libs"
  cp "$ROOT/xtask/kafka/log4j2.xml" "$HERE/kafka-entrypoint.sh" "$WORK/kafka"
  mvn -q -B -f "$ROOT/xtask/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$WORK/kafka/libs"
  build bindery-standin-kafka "$WORK/kafka" << 'DOCKERFILE'
ARG BASE
FROM ${BASE}
RUN apt-get update -q && apt-get install -qy --no-install-recommends default-jre-headless \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --user-group kafka && mkdir -p /var/lib/kafka/data && chown -R kafka /var/lib/kafka
COPY . /opt/kafka
USER kafka
ENTRYPOINT ["bash", "/opt/kafka/kafka-entrypoint.sh"]
DOCKERFILE
}

make_rabbitmq() {
  mkdir -p "$WORK/rabbitmq"
  cp "$HERE/rabbitmq-entrypoint.sh" "$WORK/rabbitmq"
  build bindery-standin-rabbitmq "$WORK/rabbitmq" << 'DOCKERFILE'
ARG BASE
FROM ${BASE}
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update -q && apt-get install -qy --no-install-recommends rabbitmq-server \
 && rm -rf /var/lib/apt/lists/*
COPY rabbitmq-entrypoint.sh /
ENTRYPOINT ["bash", "/rabbitmq-entrypoint.sh"]
DOCKERFILE
}

make_rust() {
  need rustc "install a toolchain with rustup"
  mkdir -p "$WORK/rust/toolchain"
  # Documentation is most of a toolchain's size and nothing that a build reads.
  tar -C "$(rustc --print sysroot)" --exclude=./share/doc -c . | tar -C "$WORK/rust/toolchain" -x
  build bindery-standin-rust "$WORK/rust" << 'DOCKERFILE'
ARG BASE
FROM ${BASE}
RUN apt-get update -q && apt-get install -qy --no-install-recommends gcc g++ libc6-dev make perl pkg-config \
 && rm -rf /var/lib/apt/lists/*
COPY toolchain /opt/rust
ENV PATH=/opt/rust/bin:$PATH CARGO_HOME=/usr/local/cargo SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
DOCKERFILE
}

need docker "install docker.io"
need debootstrap "install debootstrap"
docker version > /dev/null || { say "no Docker engine answers; start dockerd"; exit 1; }

make_base
for image in "${@:-kafka rabbitmq rust runtime}"; do
  for name in $image; do
    case "$name" in
      kafka | rabbitmq | rust | runtime) "make_$name" ;;
      *) say "no stand-in \`$name\`; there are kafka, rabbitmq, rust and runtime"; exit 2 ;;
    esac
  done
done

for name in kafka rabbitmq rust runtime; do
  if docker image inspect "bindery-standin-$name" > /dev/null 2>&1; then
    echo "export ${name^^}_IMAGE=bindery-standin-$name"
  fi
done
