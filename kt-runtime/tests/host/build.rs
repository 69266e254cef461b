//! A fake build: a manifest and its files. The launcher starts this test executable.

use kt::wire::{
    ObjectId, VERSION,
    manifest::{CrateObject, Environment, Layer, Manifest, Object, WorkerFiles},
};

/// A manifest and the files that it names.
pub struct Build {
    pub manifest: Manifest,
    pub files: Vec<Vec<u8>>,
}

impl Build {
    /// A program with one crate that contains `code`.
    pub fn new(program: &str, code: &str) -> Self {
        let test = std::env::current_exe().unwrap();
        let launcher = format!(
            "#!/bin/sh\nexec '{}' --ignored --exact process --nocapture\n",
            test.display()
        );
        Self::launched_by(&launcher, program, code)
    }

    pub fn launched_by(launcher: &str, program: &str, code: &str) -> Self {
        let mut files = Vec::new();
        let mut object = |name: String, text: &str| {
            files.push(text.as_bytes().to_vec());
            Object {
                id: id(text.as_bytes()),
                name,
                size: text.len() as u64,
                // The content of crates; the other files are empty and the same in all builds.
                build_id: if text == code {
                    code.to_owned()
                } else {
                    String::new()
                },
            }
        };
        let manifest = Manifest {
            environment: Environment::default(),
            program: program.to_owned(),
            kt_version: VERSION.to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            profile: "dev".to_owned(),
            worker: WorkerFiles {
                libraries: Vec::new(),
                launcher: object("kt-launcher".into(), launcher),
                libstd: object("libstd-0.so".into(), "std"),
                base: Layer {
                    object: object("libkt-base-0.so".into(), "base"),
                    crates: Vec::new(),
                },
            },
            layers: Vec::new(),
            crates: vec![CrateObject {
                object: object(format!("libkt-app-{code}.so"), code),
                package: "app".into(),
                crate_name: "app".into(),
                sources: code.into(),
                functions: Vec::new(),
                inits: Vec::new(),
                states: Vec::new(),
                statics: Vec::new(),
            }],
        };
        Self { manifest, files }
    }
}

pub fn id(bytes: &[u8]) -> ObjectId {
    ObjectId(*blake3::hash(bytes).as_bytes())
}
