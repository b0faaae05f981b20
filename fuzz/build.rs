//! Declares the condition under which the coverage-guided engine is built; `cargo xtask fuzz` sets it.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
    println!("cargo::rerun-if-changed=build.rs");
}
