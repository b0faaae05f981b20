# The shop's services in one image: `docker build -t bindery-shop .`, then `docker run bindery-shop order-service`.
#
# The images it starts from are arguments, for those who build where the public registry cannot be reached.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

# Manifests, and an empty source for each target. A later stage that copies them is taken from the cache as long as
# no dependency changes, although the context did.
FROM ${RUST_IMAGE} AS skeleton
WORKDIR /source
COPY . .
RUN mkdir /skeleton \
 && find . \( -name Cargo.toml -o -name Cargo.lock -o -path ./.cargo/config.toml \) -print \
  | tar -c -T - | tar -x -C /skeleton \
 && find . \( -name lib.rs -o -name main.rs -o -name build.rs -o -path './*/*/src/bin/*.rs' \
        -o -path './*/*/tests/*.rs' -o -path './*/*/benches/*.rs' -o -path './*/*/examples/*.rs' \) -print \
  | while read -r file; do mkdir -p "/skeleton/$(dirname "$file")"; echo '#![allow(warnings)] fn main() {}' > "/skeleton/$file"; done

# Every dependency, compiled once.
FROM ${RUST_IMAGE} AS dependencies
WORKDIR /build
COPY --from=skeleton /skeleton .
RUN cargo build --release --locked \
    -p order-service -p inventory-service -p payment-service -p shop

FROM dependencies AS build
COPY . .
# Cargo compares dates: the sources are older than what was made of their empty stand-ins.
RUN find crates examples -name '*.rs' -exec touch {} + \
 && cargo build --release --locked \
    -p order-service -p inventory-service -p payment-service -p shop \
 && mkdir /programs \
 && cd target/release && cp order-service inventory-service payment-service shop /programs

FROM ${RUNTIME_IMAGE}
RUN useradd --system --uid 10001 --user-group --home-dir /app --create-home shop
WORKDIR /app
COPY --from=build /programs /usr/local/bin
COPY config config
USER shop
EXPOSE 8080 8081
CMD ["shop"]
