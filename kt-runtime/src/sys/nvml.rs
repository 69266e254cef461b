//! GPU information from NVIDIA's management library (NVML), if the driver is installed. The library
//! is not linked: it is searched for once at run time.

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    mem,
    sync::OnceLock,
};

use serde::{Deserialize, Serialize};

/// Name of the library; only this version exists.
const LIBRARY: &CStr = c"libnvidia-ml.so.1";
/// `NVML_SUCCESS`, nvml.h.
const SUCCESS: c_int = 0;
/// `NVML_DEVICE_NAME_V2_BUFFER_SIZE`, nvml.h.
const NAME: usize = 96;

type Device = *mut c_void;

/// A GPU and its usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    pub name: String,
    pub memory_used: u64,
    pub memory_total: u64,
    /// Percent of the last sample period in which it was busy.
    pub busy_percent: u32,
}

/// `nvmlMemory_t`, bytes.
#[repr(C)]
#[derive(Default)]
struct Memory {
    total: u64,
    free: u64,
    used: u64,
}

/// `nvmlUtilization_t`, percent.
#[repr(C)]
#[derive(Default)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

/// The functions in use, by their names in nvml.h.
struct Nvml {
    count: unsafe extern "C" fn(*mut c_uint) -> c_int,
    handle: unsafe extern "C" fn(c_uint, *mut Device) -> c_int,
    name: unsafe extern "C" fn(Device, *mut c_char, c_uint) -> c_int,
    memory: unsafe extern "C" fn(Device, *mut Memory) -> c_int,
    utilization: unsafe extern "C" fn(Device, *mut Utilization) -> c_int,
}

/// The GPUs that this process can see; none without a driver. May take a few milliseconds.
pub fn gpus() -> Vec<Gpu> {
    static NVML: OnceLock<Option<Nvml>> = OnceLock::new();
    let found = NVML.get_or_init(|| {
        // Never closed: a process that exits while the library's destructors run could hang.
        Nvml::open(LIBRARY)
    });
    found.as_ref().map_or_else(Vec::new, Nvml::gpus)
}

impl Nvml {
    fn open(library: &CStr) -> Option<Self> {
        // SAFETY: the library is NVIDIA's, whose constructors any program may run; the name is a C
        // string.
        let opened = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
        if opened.is_null() {
            return None;
        }
        let symbol = |name: &CStr| {
            // SAFETY: the handle is open and the name a C string.
            let address = unsafe { libc::dlsym(opened, name.as_ptr()) };
            (!address.is_null()).then_some(address)
        };
        // SAFETY: each name is that of a function which nvml.h declares with this type; the library
        // stays open.
        let (nvml, init) = unsafe {
            let init: unsafe extern "C" fn() -> c_int = mem::transmute(symbol(c"nvmlInit_v2")?);
            let nvml = Self {
                count: mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_uint) -> c_int>(
                    symbol(c"nvmlDeviceGetCount_v2")?,
                ),
                handle: mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(c_uint, *mut Device) -> c_int,
                >(symbol(c"nvmlDeviceGetHandleByIndex_v2")?),
                name: mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(Device, *mut c_char, c_uint) -> c_int,
                >(symbol(c"nvmlDeviceGetName")?),
                memory: mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(Device, *mut Memory) -> c_int,
                >(symbol(c"nvmlDeviceGetMemoryInfo")?),
                utilization: mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(Device, *mut Utilization) -> c_int,
                >(symbol(c"nvmlDeviceGetUtilizationRates")?),
            };
            (nvml, init)
        };
        // SAFETY: it has no preconditions.
        (unsafe { init() } == SUCCESS).then_some(nvml)
    }

    fn gpus(&self) -> Vec<Gpu> {
        let mut count = 0;
        // SAFETY: it writes to the one number.
        if unsafe { (self.count)(&raw mut count) } != SUCCESS {
            return Vec::new();
        }
        (0..count).filter_map(|index| self.gpu(index)).collect()
    }

    /// `None` for an inaccessible GPU. Missing values are 0.
    fn gpu(&self, index: c_uint) -> Option<Gpu> {
        let mut device: Device = std::ptr::null_mut();
        // SAFETY: it writes to the one handle.
        if unsafe { (self.handle)(index, &raw mut device) } != SUCCESS {
            return None;
        }
        let mut name = [0; NAME];
        let (mut memory, mut utilization) = (Memory::default(), Utilization::default());
        // SAFETY: the handle is the library's own, and each function writes only to its argument,
        // the first up to the given length.
        unsafe {
            (self.name)(device, name.as_mut_ptr(), NAME as c_uint - 1);
            (self.memory)(device, &raw mut memory);
            (self.utilization)(device, &raw mut utilization);
        }
        // SAFETY: the array ends with a zero, which no function can overwrite.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) };
        Some(Gpu {
            name: name.to_string_lossy().into_owned(),
            memory_used: memory.used,
            memory_total: memory.total,
            busy_percent: utilization.gpu,
        })
    }
}

/// For tests: opens the library at a path.
#[cfg(test)]
fn gpus_of(path: &std::path::Path) -> Option<Vec<Gpu>> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    Nvml::open(&path).map(|nvml| nvml.gpus())
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;
    use crate::sys::scratch::Scratch;

    /// As in nvml.h, with two devices, the second of which is inaccessible.
    const STUB: &str = r#"
        #include <string.h>
        typedef void *device;
        static int one;
        int nvmlInit_v2(void) { return 0; }
        int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
        int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *to) { *to = &one; return index == 0 ? 0 : 4; }
        int nvmlDeviceGetName(device of, char *to, unsigned length) { strncpy(to, "Stub 1000", length); return 0; }
        int nvmlDeviceGetMemoryInfo(device of, unsigned long long *to) { to[0] = 300; to[1] = 200; to[2] = 100; return 0; }
        int nvmlDeviceGetUtilizationRates(device of, unsigned *to) { to[0] = 42; to[1] = 7; return 0; }
    "#;

    #[test]
    fn a_library_reports_its_gpus() {
        let directory = Scratch::new("nvml");
        let (source, library) = (
            directory.path().join("stub.c"),
            directory.path().join("stub.so"),
        );
        fs::write(&source, STUB).unwrap();
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source);
        assert!(
            compiler
                .status()
                .expect("a C compiler, which kt needs anyway")
                .success()
        );
        let expected = Gpu {
            name: "Stub 1000".into(),
            memory_used: 100,
            memory_total: 300,
            busy_percent: 42,
        };
        assert_eq!(gpus_of(&library), Some(vec![expected]));
        assert_eq!(gpus_of(&directory.path().join("none.so")), None);
    }
}
