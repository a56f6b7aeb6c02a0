#!/bin/sh
# install.sh packages: installs $PACKAGES of the base image's distribution.
# install.sh stack: puts Python, the JDK and the locked stack below /opt/sparkflows, out of what lies in /inputs.
set -eu

fail() {
    echo "$1" >&2
    exit 1
}

packages() {
    [ -n "${PACKAGES:-}" ] || return 0
    # A list of names, so it is split on purpose.
    # shellcheck disable=SC2086
    if command -v apt-get >/dev/null; then
        apt-get update
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $PACKAGES
        rm -rf /var/lib/apt/lists/*
    elif command -v microdnf >/dev/null; then
        microdnf install -y $PACKAGES
    elif command -v dnf >/dev/null; then
        dnf install -y $PACKAGES
    else
        fail "The base image has no apt-get and no dnf, so $PACKAGES cannot be installed. Choose a base image that has them already."
    fi
}

# unpack ARCHIVE PROGRAM TARGET: the folder that has bin/PROGRAM in the archive becomes TARGET.
unpack() {
    mkdir /scratch
    tar -xf "$1" -C /scratch
    program=$(find /scratch -path "*/bin/$2" ! -path '*/jre/*' | head -n 1)
    [ -n "$program" ] || fail "The archive $1 has no bin/$2."
    mv "${program%/bin/*}" "$3"
    rm -rf /scratch
}

stack() {
    mkdir -p /opt/sparkflows/bin
    # Permissions of the files in the context are all alike.
    cp /serve /opt/sparkflows/bin/serve
    chmod 755 /opt/sparkflows/bin/serve
    if [ -f /inputs/jdk ]; then
        unpack /inputs/jdk java /opt/sparkflows/jdk
    fi
    python=python3.7
    if [ -f /inputs/python ]; then
        unpack /inputs/python python3.7 /opt/sparkflows/python
        python=/opt/sparkflows/python/bin/python3.7
    fi
    command -v "$python" >/dev/null || fail "The base image has no python3.7. Choose one that has, or give sagemaker_python_archive."
    "$python" -m venv /opt/sparkflows/stack
    if [ -d /inputs/wheels ]; then
        set -- --no-index --find-links /inputs/wheels
    else
        [ -n "${PIP_INDEX_URL:-}" ] || unset PIP_INDEX_URL
        set --
    fi
    /opt/sparkflows/stack/bin/python -m pip install --disable-pip-version-check --no-cache-dir --require-hashes --no-deps "$@" -r /inputs/lock.txt
    /opt/sparkflows/stack/bin/gunicorn --version >/dev/null || fail "The lock has no gunicorn, which MLflow's scoring server runs in."
}

"$1"
