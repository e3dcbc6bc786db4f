# Compiles crates and Go modules beside the compilers that programs get, without network; writes `built` as a tar.
set -e
exec 3>&1 >&2
export PATH="$PATH:/usr/local/cargo/bin:/usr/local/go/bin"
from=/packages
mkdir -p /tmp/packages/built/rust
cd /tmp/packages
if [ -d $from/crates ]; then
    cp -r $from/crates/src $from/crates/Cargo.toml .
    mkdir .cargo
    cat >.cargo/config.toml <<END
[source.crates-io]
replace-with = "here"
[source.here]
directory = "$from/crates/vendor"
END
    # Called in place of rustc for our own program alone: what it is told of its crates is what programs are told.
    cat >note <<'END'
#!/bin/sh
printf '%s\n' "$@" | grep -xA1 -e --extern -e -L | grep -v '^--$' >flags
exec "$@"
END
    chmod +x note
    export CARGO_HOME=$PWD/cargo CARGO_TARGET_DIR=$PWD/target RUSTC_WORKSPACE_WRAPPER=$PWD/note
    cargo build --quiet --release --offline
    find target/release/deps -name 'lib*.rlib' -o -name 'lib*.so' | xargs -I {} cp {} built/rust
    sed "s|$PWD/target/release/deps|$from/built/rust|" flags >built/rust/flags
fi
if [ -d $from/go ]; then
    export GOPATH=$PWD/go GOCACHE=$PWD/cache GO111MODULE=off GOFLAGS=
    mkdir go
    cp -r $from/go/src go/src
    go install $(go list -e -deps -f '{{if not (or .Standard .Incomplete)}}{{.ImportPath}}{{end}}' \
        $(cat $from/go/modules))
    mv go/pkg/linux_* built/go
fi
tar -c built >&3
