//! Compiles `src/faiss/shim.cpp` where the feature `faiss` is on; otherwise does nothing.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "faiss")]
    compile_shim();
}

/// Against the headers that `faiss-sys` installed when it compiled Faiss.
#[cfg(feature = "faiss")]
fn compile_shim() {
    const SHIM: &str = "src/faiss/shim.cpp";
    println!("cargo:rerun-if-changed={SHIM}");
    let faiss = std::env::var_os("DEP_FAISS_C_ROOT").map(std::path::PathBuf::from);
    let faiss = faiss.expect("faiss-sys says where it installed Faiss (DEP_FAISS_C_ROOT)");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file(SHIM)
        // As a system's headers: their warnings are not ours.
        .flag("-isystem")
        .flag(faiss.join("include"))
        .compile("alike_faiss");
}
