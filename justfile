test:
    cargo test

fmt:
    cargo fmt --check

clippy:
    cargo clippy --all-targets -- -D warnings
    cargo clippy -p tidegate -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

bench-once:
    cargo test -p benches --benches

# The Python package, a workspace of its own.
python:
    cargo clippy --manifest-path bindings/python/Cargo.toml --target-dir target/python/built -- -D warnings
    cargo test -p system-tests --test it python

bench:
    cargo bench -p benches

# A quarter of an hour on two cores: every scenario, and the design's tables, with their own numbers of runs.
nightly:
    cargo run --release -- simulate scenarios scenarios/design --rule sequential

deny:
    cargo deny check

ci:
    .ci/run

# The book as HTML, in target/book; `cargo install mdbook` brings the program.
book:
    mdbook build docs
