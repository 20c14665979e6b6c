# syntax=docker/dockerfile:1
# The operator's image; docs/image.md says why it is made so, and how to check one.

# On the builder's own architecture, whatever the image is for: a cross compiler takes minutes, emulation an hour.
FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95-slim-bookworm AS build
ARG BUILDARCH
ARG TARGETARCH
# ring, the cryptography, is partly C and assembly: it needs the other architecture's compiler.
RUN case "$TARGETARCH" in \
      amd64) target=x86_64-unknown-linux-gnu gnu=x86_64-linux-gnu package=gcc-x86-64-linux-gnu ;; \
      arm64) target=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu package=gcc-aarch64-linux-gnu ;; \
      *) echo "no image is made for $TARGETARCH" >&2; exit 1 ;; \
    esac && \
    if [ "$BUILDARCH" != "$TARGETARCH" ]; then \
      apt-get update && apt-get install --yes --no-install-recommends "$package" "libc6-dev-$TARGETARCH-cross" && \
      rustup target add "$target"; \
    fi && \
    printf 'target=%s\nexport CARGO_TARGET_%s_LINKER=%s-gcc\n' \
      "$target" "$(echo "$target" | tr a-z- A-Z_)" "$gnu" > /target
WORKDIR /src
COPY . .
RUN . /target && install -D "$(image/build "$target")" /out/aws-auth-operator

# glibc and libgcc, certificates, and nobody: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.0.0-unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="aws-auth-operator" \
      org.opencontainers.image.description="Turns IamMapping objects into EKS's kube-system/aws-auth, and never locks anybody out" \
      org.opencontainers.image.source="https://github.com/aws-auth-operator/aws-auth-operator" \
      org.opencontainers.image.documentation="https://github.com/aws-auth-operator/aws-auth-operator/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build --chown=0:0 --chmod=0555 /out/aws-auth-operator /usr/local/bin/aws-auth-operator
# A number, so that the kubelet can tell that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/aws-auth-operator"]
CMD ["run"]
