//! The dynamic linker: `dlopen(3)`, `dlsym(3)`, `dladdr(3)`, `dl_iterate_phdr(3)`.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    mem,
    os::unix::ffi::OsStrExt,
    path::Path,
    ptr, slice,
};

/// A loaded object. It is never unloaded: its code may be on some stack, and destructors of
/// thread-locals would run unmapped code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    handle: *mut c_void,
    /// Load address: where offset 0 of the file's addresses is mapped.
    base: usize,
}

// SAFETY: the handle is only given to dlsym, which locks.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

/// The location of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// File name of the object.
    pub object: String,
    /// Offset from the object's load address.
    pub offset: u64,
    /// The nearest exported symbol below the address.
    pub symbol: Option<String>,
}

impl Object {
    /// Loads an object and binds all its symbols now: first to the program's own objects, then to
    /// its dependencies, which must be loaded already.
    ///
    /// # Errors
    /// The dynamic linker's error message.
    ///
    /// # Safety
    /// The object's initializers run. It must have been linked for this process's base.
    pub unsafe fn open(path: &Path) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| "the path contains a NUL".to_owned())?;
        // SAFETY: the caller vouches for the object.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            return Err(last_error());
        }
        let mut map: *const LinkMap = ptr::null();
        // SAFETY: RTLD_DI_LINKMAP stores one pointer.
        if unsafe { libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) } != 0 {
            return Err(last_error());
        }
        // SAFETY: dlinfo returned the object's entry, which exists as long as the object, which is
        // never unloaded.
        let base = unsafe { (*map).address };
        Ok(Self { handle, base })
    }

    /// The address of a symbol that this object itself exports.
    pub fn symbol(&self, name: &str) -> Option<*const ()> {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle is that of a loaded object.
        let address: *const () = unsafe { libc::dlsym(self.handle, name.as_ptr()) }
            .cast_const()
            .cast();
        // dlsym also searches dependencies; their symbols may belong to another generation.
        (info(address as usize)?.dli_fbase as usize == self.base).then_some(address)
    }

    /// The build id in the object's notes in memory, in hexadecimal.
    pub fn build_id(&self) -> Option<String> {
        struct Search {
            base: usize,
            found: Option<String>,
        }
        extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
            // SAFETY: dl_iterate_phdr passes a valid entry, and `search` is the `Search` below.
            let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
            if info.dlpi_addr as usize != search.base {
                return 0;
            }
            // SAFETY: the entry's header table has that many entries.
            let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
            for header in headers
                .iter()
                .filter(|header| header.p_type == libc::PT_NOTE)
            {
                let address = (search.base + header.p_vaddr as usize) as *const u8;
                // SAFETY: a PT_NOTE segment of a loaded object is mapped and readable for its size.
                let notes = unsafe { slice::from_raw_parts(address, header.p_memsz as usize) };
                if let Some(id) = build_id_in(notes) {
                    search.found = Some(id.iter().map(|byte| format!("{byte:02x}")).collect());
                }
            }
            1
        }
        let mut search = Search {
            base: self.base,
            found: None,
        };
        // SAFETY: `visit` matches the expected type and `search` outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
        search.found
    }
}

/// The loaded object that contains an address.
pub fn locate(address: usize) -> Option<Place> {
    let info = info(address)?;
    let text = |text: *const c_char| {
        if text.is_null() {
            return None;
        }
        // SAFETY: dladdr returns C strings of loaded objects, which are never unloaded.
        let text = unsafe { CStr::from_ptr(text) };
        Some(text.to_string_lossy().into_owned())
    };
    let path = text(info.dli_fname)?;
    Some(Place {
        object: Path::new(&path).file_name()?.to_string_lossy().into_owned(),
        offset: (address - info.dli_fbase as usize) as u64,
        symbol: text(info.dli_sname),
    })
}

fn info(address: usize) -> Option<libc::Dl_info> {
    // SAFETY: Dl_info is plain data, and dladdr takes any address.
    unsafe {
        let mut info: libc::Dl_info = mem::zeroed();
        (libc::dladdr(address as *const c_void, &raw mut info) != 0).then_some(info)
    }
}

fn last_error() -> String {
    // SAFETY: dlerror returns null or a C string that is valid until this thread's next dl call.
    unsafe {
        let error = libc::dlerror();
        if error.is_null() {
            "unknown error".into()
        } else {
            CStr::from_ptr(error).to_string_lossy().into_owned()
        }
    }
}

/// The start of glibc's `struct link_map`, see `<link.h>`.
#[repr(C)]
struct LinkMap {
    address: usize,
}

/// Finds the GNU build id among ELF notes: name size, descriptor size and type as `u32`, then name
/// and descriptor, each padded to four bytes.
fn build_id_in(mut notes: &[u8]) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let word =
        |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    loop {
        let (name, descriptor, kind) = (
            word(notes, 0)? as usize,
            word(notes, 4)? as usize,
            word(notes, 8)?,
        );
        let start = 12 + name.next_multiple_of(4);
        let content = notes.get(start..start + descriptor)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..12 + name)? == b"GNU\0" {
            return Some(content);
        }
        notes = notes.get(start + descriptor.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_located_in_its_object() {
        let place = locate(libc::malloc as *const () as usize).unwrap();
        assert!(place.object.starts_with("libc.so"), "{place:?}");
        assert_eq!(locate(8), None);
    }

    #[test]
    fn a_build_id_is_found_after_other_notes() {
        let note = |kind: u32, name: &[u8], content: &[u8]| {
            let mut note = [name.len() as u32, content.len() as u32, kind]
                .map(u32::to_ne_bytes)
                .concat();
            for part in [name, content] {
                note.extend(part);
                note.resize(note.len().next_multiple_of(4), 0);
            }
            note
        };
        let notes = [
            note(5, b"GNU\0", b"property"),
            note(3, b"GNU\0", b"identity!"),
        ]
        .concat();
        assert_eq!(build_id_in(&notes), Some(&b"identity!"[..]));
        assert_eq!(build_id_in(&notes[..20]), None);
    }
}
