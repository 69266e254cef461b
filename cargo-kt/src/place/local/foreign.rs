//! Programs for another kind of machine on this one: the kernel runs them with an emulator that is
//! registered for their executables (binfmt_misc, as Debian's `qemu-user-binfmt` does).

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use object::elf;

/// Where the one segment is mapped.
const ADDRESS: u64 = 0x40_0000;
/// Bytes of `Elf64_Ehdr` and `Elf64_Phdr`: elf(5).
const EHDR: u16 = 64;
const PHDR: u16 = 56;
/// How often an executable that is still open is tried.
const ATTEMPTS: usize = 10_000;

/// Whether the kernel runs programs for a target, natively or emulated. A program of two headers
/// and one system call is written to `folder` and executed.
///
/// # Errors
/// If the program cannot be written.
pub fn runs_here(target: &str, folder: &Path) -> io::Result<bool> {
    let Some(program) = exiting_program(target) else {
        return Ok(false);
    };
    fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(file.path(), program)?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o700))?;
    // An executable that is open for writing cannot be executed.
    let path = file.into_temp_path();
    let mut command = Command::new(&path);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for _ in 0..ATTEMPTS {
        match command.status() {
            // A process that another thread is starting still has the file open.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => thread::yield_now(),
            status => return Ok(status.is_ok_and(|status| status.success())),
        }
    }
    Ok(false)
}

/// A static executable that exits with 0.
fn exiting_program(target: &str) -> Option<Vec<u8>> {
    let (machine, code): (_, &[u8]) = match target.split('-').next()? {
        // mov eax, 60 (exit); xor edi, edi; syscall
        "x86_64" => (elf::EM_X86_64, b"\xb8\x3c\0\0\0\x31\xff\x0f\x05"),
        // mov x8, #93 (exit); mov x0, #0; svc #0
        "aarch64" => (
            elf::EM_AARCH64,
            b"\xa8\x0b\x80\xd2\x00\0\x80\xd2\x01\0\0\xd4",
        ),
        _ => return None,
    };
    let headers = u64::from(EHDR + PHDR);
    let size = headers + code.len() as u64;
    let mut file = Vec::new();
    file.extend(elf::ELFMAG);
    file.extend([elf::ELFCLASS64.0, elf::ELFDATA2LSB.0, elf::EV_CURRENT.0]);
    file.resize(16, 0);
    file.extend(elf::ET_EXEC.0.to_le_bytes());
    file.extend(machine.0.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    // e_entry, e_phoff, e_shoff, e_flags.
    file.extend((ADDRESS + headers).to_le_bytes());
    file.extend(u64::from(EHDR).to_le_bytes());
    file.extend([0; 12]);
    // e_ehsize, e_phentsize, e_phnum; no sections.
    for half in [EHDR, PHDR, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    file.extend(elf::PT_LOAD.0.to_le_bytes());
    file.extend((elf::PF_R.0 | elf::PF_X.0).to_le_bytes());
    // p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align.
    for word in [0, ADDRESS, ADDRESS, size, size, 0x1_0000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_for_this_machine_runs_and_one_for_an_unknown_machine_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let own = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        assert!(runs_here(&own, folder.path()).unwrap());
        assert!(!runs_here("riscv64gc-unknown-linux-gnu", folder.path()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn programs_for_both_architectures_are_whole_elf_files() {
        for (target, expected) in [
            ("x86_64-unknown-linux-gnu", object::Architecture::X86_64),
            ("aarch64-unknown-linux-gnu", object::Architecture::Aarch64),
        ] {
            let program = exiting_program(target).unwrap();
            let parsed = object::File::parse(program.as_slice()).unwrap();
            assert_eq!(object::Object::architecture(&parsed), expected);
            assert_eq!(object::Object::segments(&parsed).count(), 1);
        }
    }
}
