//! The profiles are embedded in the binary: a changed one must build it anew.

fn main() {
    println!("cargo:rerun-if-changed=profiles");
}
