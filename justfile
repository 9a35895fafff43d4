test:
    cargo test

fmt:
    cargo fmt --check

clippy:
    cargo clippy --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

bench-once:
    cargo test -p benches --benches

bench:
    cargo bench -p benches

deny:
    cargo deny check

ci:
    .ci/run
