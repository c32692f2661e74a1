//! Embeds the error pages of `docs/errors` into the program.

use std::fmt::Write;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let folder = Path::new(&root).join("../../docs/errors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|end| end == "md") && name != "README" {
            pages.push((name, std::fs::read_to_string(&path)?));
        }
    }
    pages.sort();
    let mut code = String::from("/// Code and page.\nconst PAGES: &[(&str, &str)] = &[\n");
    for (name, page) in pages {
        // Writing to a String cannot fail.
        let _ = writeln!(code, "    ({name:?}, {page:?}),");
    }
    code.push_str("];\n");
    std::fs::write(Path::new(&std::env::var("OUT_DIR").unwrap_or_default()).join("pages.rs"), code)
}
