//! The registry of the cluster suite, as a process of its own: `tests/cluster/registry`.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Ends with this value.
pub struct Registry {
    process: Child,
    address: String,
    _images: tempfile::TempDir,
}

impl Registry {
    /// Starts a registry with the image `sample:12`.
    pub fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let images = tempfile::tempdir().expect("a temporary folder");
        let sample = Command::new("python3")
            .arg(here.join("tests/registry/sample.py"))
            .arg(images.path().join("sample-12.tar"))
            .status();
        assert!(sample.expect("python3 runs").success());
        let mut process = Command::new("python3")
            .arg(here.join("../tests/cluster/registry"))
            .arg(images.path())
            .arg("0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let output = process.stdout.take().expect("it is piped");
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line).expect("it prints its address");
        // Its log must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        Self {
            process,
            address: address.to_owned(),
            _images: images,
        }
    }

    /// The full name of an image.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Docker's configuration with an entry for this registry.
    pub fn login(&self, entry: &str) -> String {
        format!(r#"{{"auths": {{"{}": {entry}}}}}"#, self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
