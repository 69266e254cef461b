//! The objects of a process and their unwinding tables, read from its memory: the files may have
//! been removed, and the kernel's own object (vdso) has none.

use std::{collections::HashSet, fs::File, io, ops::Range, os::unix::fs::FileExt, path::PathBuf};

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, UnwindRegsNative,
    Unwinder, UnwinderNative,
};
use object::{
    Endianness,
    elf::{FileHeader64, PT_GNU_EH_FRAME, PT_INTERP, PT_LOAD, ProgramHeader64},
    read::elf::{FileHeader, ProgramHeader},
};

use super::{capture::Copied, symbols::Symbols};
use crate::{
    host::maps::{self, Mapping},
    sys::ptrace::Registers,
    wire::sample::{Stack, StackFrame},
};

/// Frame limit of a stack.
const DEPTH: usize = 512;
/// Size limit of one object's unwinding tables, in bytes.
const TABLES: u64 = 256 << 20;
/// The kernel's functions in each process: vdso(7).
const VDSO: &str = "[vdso]";
/// More than the ELF header and program headers of any object.
const HEADERS: usize = 4 << 10;

/// The code of a process.
pub struct Code {
    unwinder: UnwinderNative<Vec<u8>, MayAllocateDuringUnwind>,
    cache: CacheNative<MayAllocateDuringUnwind>,
    objects: Vec<Object>,
    /// Start addresses of the known objects.
    known: HashSet<u64>,
}

struct Object {
    range: Range<u64>,
    path: String,
    /// Its `_start`, which has no caller and often no unwinding table, is where the main thread
    /// began.
    is_program: bool,
    /// Only for objects without symbols on the developer's machine; loaded on demand.
    symbols: Option<Symbols>,
}

/// Addresses of one stack, each inside the executing instruction, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trace {
    pub addresses: Vec<u64>,
    pub whole: bool,
}

impl Code {
    /// # Errors
    /// If the process has exited.
    pub fn read(pid: u32, memory: &File) -> io::Result<Self> {
        let mut code = Self {
            unwinder: UnwinderNative::new(),
            cache: CacheNative::new(),
            objects: Vec::new(),
            known: HashSet::new(),
        };
        code.refresh(pid, memory)?;
        Ok(code)
    }

    /// Adds objects that were loaded since. Objects are never unloaded.
    ///
    /// # Errors
    /// If the process has exited.
    pub fn refresh(&mut self, pid: u32, memory: &File) -> io::Result<()> {
        let maps = maps::read(pid)?;
        for (range, path) in objects(&maps) {
            if !self.known.insert(range.start) {
                continue;
            }
            if let Some(sections) = sections(memory, &range) {
                let module = Module::new(path.clone(), range.clone(), range.start, sections);
                self.unwinder.add_module(module);
            }
            self.objects.push(Object {
                is_program: is_program(memory, &range, &path),
                range,
                path,
                symbols: None,
            });
        }
        Ok(())
    }

    /// Unwinds a copied stack.
    pub fn unwind(&mut self, thread: &Copied) -> Trace {
        let Copied {
            registers, stack, ..
        } = thread;
        let mut read = |address: u64| {
            let at = usize::try_from(address.checked_sub(registers.stack).ok_or(())?);
            let bytes = at.ok().and_then(|at| stack.get(at..)?.first_chunk());
            bytes.map(|bytes| u64::from_ne_bytes(*bytes)).ok_or(())
        };
        let mut frames = self.unwinder.iter_frames(
            registers.instruction,
            begin(registers),
            &mut self.cache,
            &mut read,
        );
        let mut trace = Trace {
            addresses: Vec::new(),
            whole: false,
        };
        while trace.addresses.len() < DEPTH {
            match frames.next() {
                Ok(Some(frame)) => trace.addresses.push(frame.address_for_lookup()),
                Ok(None) => {
                    trace.whole = true;
                    break;
                }
                Err(_) => {
                    let last = trace.addresses.last();
                    let object = last.and_then(|&last| self.find(last));
                    trace.whole = object.is_some_and(|index| self.objects[index].is_program);
                    break;
                }
            }
        }
        trace
    }

    /// Whether an address of it is in code that was loaded after the last refresh.
    pub fn has_unknown(&self, trace: &Trace) -> bool {
        trace.addresses.iter().any(|it| self.find(*it).is_none())
    }

    /// A trace as object offsets and symbols. `is_own`: whether the developer's machine has an
    /// object's symbols, by its path.
    pub fn stack(&mut self, trace: &Trace, memory: &File, is_own: impl Fn(&str) -> bool) -> Stack {
        let frames = trace.addresses.iter().map(|&address| {
            let Some(index) = self.find(address) else {
                return StackFrame {
                    object: None,
                    offset: address,
                    symbol: None,
                };
            };
            let object = &mut self.objects[index];
            let offset = address - object.range.start;
            let symbol = (!is_own(&object.path)).then(|| {
                let symbols = object
                    .symbols
                    .get_or_insert_with(|| symbols(&object.path, &object.range, memory));
                symbols.name(offset).map(str::to_owned)
            });
            StackFrame {
                object: u32::try_from(index).ok(),
                offset,
                symbol: symbol.flatten(),
            }
        });
        Stack {
            frames: frames.collect(),
            whole: trace.whole,
        }
    }

    /// File names of all objects from index `from` on.
    pub fn names(&self, from: usize) -> Vec<String> {
        let name = |object: &Object| {
            let path = object.path.strip_suffix(" (deleted)");
            let path = path.unwrap_or(&object.path);
            path.rsplit('/').next().unwrap_or(path).to_owned()
        };
        self.objects.iter().skip(from).map(name).collect()
    }

    fn find(&self, address: u64) -> Option<usize> {
        let mut objects = self.objects.iter();
        objects.position(|object| object.range.contains(&address))
    }
}

#[cfg(target_arch = "x86_64")]
fn begin(registers: &Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.instruction, registers.stack, registers.frame)
}

#[cfg(target_arch = "aarch64")]
fn begin(registers: &Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.link, registers.stack, registers.frame)
}

/// The objects with code, each with the range of all its mappings.
fn objects(maps: &str) -> Vec<(Range<u64>, String)> {
    let mut found: Vec<(Range<u64>, String)> = Vec::new();
    let mut current: Option<(Range<u64>, &str, bool)> = None;
    let mut close = |object: Option<(Range<u64>, &str, bool)>| {
        if let Some((range, path, true)) = object {
            found.push((range, path.to_owned()));
        }
    };
    let is_object = |it: &Mapping<'_>| it.path.starts_with('/') || it.path == VDSO;
    for mapping in maps::parse(maps).filter(is_object) {
        let executable = mapping.rights.contains('x');
        match &mut current {
            // A second load of the same file starts at offset 0 again.
            Some((range, path, code)) if *path == mapping.path && mapping.offset > 0 => {
                range.end = mapping.end;
                *code |= executable;
            }
            _ => close(current.replace((mapping.range(), mapping.path, executable))),
        }
    }
    close(current);
    found
}

/// Whether the object has an interpreter, as programs do. libc has one too, since it can be
/// executed, but is excluded.
fn is_program(memory: &File, range: &Range<u64>, path: &str) -> bool {
    let named = || {
        let headers = read(memory, range.start, HEADERS)?;
        let header = FileHeader64::<Endianness>::parse(&*headers).ok()?;
        let endian = header.endian().ok()?;
        let segments = header.program_headers(endian, &*headers).ok()?;
        Some(segments.iter().any(|it| it.p_type(endian) == PT_INTERP))
    };
    !path.contains("/libc.so") && !path.contains("/libc-") && named() == Some(true)
}

/// The unwinding tables of the object that is mapped at this range.
fn sections(memory: &File, range: &Range<u64>) -> Option<ExplicitModuleSectionInfo<Vec<u8>>> {
    let headers = read(memory, range.start, HEADERS)?;
    let header = FileHeader64::<Endianness>::parse(&*headers).ok()?;
    let endian = header.endian().ok()?;
    let segments: &[ProgramHeader64<Endianness>] =
        header.program_headers(endian, &*headers).ok()?;
    let is = |kind| move |it: &&ProgramHeader64<Endianness>| it.p_type(endian) == kind;
    // Addresses in the object are relative to its first page.
    let first = segments.iter().find(is(PT_LOAD))?;
    let base = first.p_vaddr(endian) - first.p_vaddr(endian) % first.p_align(endian).max(1);
    let index = segments.iter().find(is(PT_GNU_EH_FRAME))?;
    let (at, size) = (index.p_vaddr(endian), index.p_memsz(endian));
    let bias = range.start.wrapping_sub(base);
    let index_bytes = read(memory, bias.wrapping_add(at), usize::try_from(size).ok()?)?;
    let table = at
        .checked_add(4)?
        .checked_add_signed(table_of(&index_bytes)?)?;
    // Its length is not recorded, but it ends with its segment.
    let segment = segments.iter().filter(is(PT_LOAD)).find(|it| {
        let start = it.p_vaddr(endian);
        (start..start.saturating_add(it.p_memsz(endian))).contains(&table)
    })?;
    let end = segment.p_vaddr(endian) + segment.p_memsz(endian);
    let length = usize::try_from((end - table).min(TABLES)).ok()?;
    let table_bytes = read(memory, bias.wrapping_add(table), length)?;
    Some(ExplicitModuleSectionInfo {
        base_svma: base,
        eh_frame_hdr_svma: Some(at..at + size),
        eh_frame_hdr: Some(index_bytes),
        eh_frame_svma: Some(table..end),
        eh_frame: Some(table_bytes),
        ..Default::default()
    })
}

/// Offset of the table from the fifth byte of the index: Linux Standard Base, `.eh_frame_hdr`. All
/// linkers write a signed 32-bit offset (`DW_EH_PE_pcrel | DW_EH_PE_sdata4`).
fn table_of(index: &[u8]) -> Option<i64> {
    const VERSION: u8 = 1;
    const PCREL_SDATA4: u8 = 0x1b;
    let &[VERSION, PCREL_SDATA4, _, _] = index.first_chunk::<4>()? else {
        return None;
    };
    let offset = index.get(4..)?.first_chunk::<4>()?;
    Some(i64::from(i32::from_ne_bytes(*offset)))
}

fn symbols(path: &str, range: &Range<u64>, memory: &File) -> Symbols {
    let read = match path {
        VDSO => usize::try_from(range.end - range.start)
            .ok()
            .and_then(|length| read(memory, range.start, length))
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
            .and_then(|bytes| Symbols::of(&bytes)),
        path => Symbols::of_file(&PathBuf::from(path)),
    };
    // Without symbols its frames have offsets only, like those of a removed file.
    read.unwrap_or_default()
}

/// Reads `length` bytes of the process, or fewer at the end of the mapping.
fn read(memory: &File, at: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        match memory.read_at(&mut bytes[done..], at + done as u64) {
            Ok(0) | Err(_) => break,
            Ok(more) => done += more,
        }
    }
    bytes.truncate(done);
    (done > 0).then_some(bytes)
}
