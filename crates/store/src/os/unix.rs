//! The unix half: fcntl record locks, `/proc` or `sysctl`, `statfs`. Run on Linux only so far.
//!
//! Record locks and not `flock`: a forked child does not inherit them, so it can neither keep nor pass for
//! its parent's. They belong to the process and are dropped when it closes *any* descriptor of the file, so
//! whoever locks a file here must open it once and keep it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Locks one byte for this process. `false`: another process has it.
pub fn lock_byte(file: &File, byte: u64) -> io::Result<bool> {
    loop {
        let mut request = request(libc::F_WRLCK as libc::c_short, byte)?;
        // SAFETY: the descriptor is open (it belongs to `file`), and the request is a valid `flock` structure
        // that the call only reads.
        let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw mut request) };
        if done == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EACCES | libc::EAGAIN) => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// Gives a byte back.
pub fn unlock_byte(file: &File, byte: u64) -> io::Result<()> {
    let mut request = request(libc::F_UNLCK as libc::c_short, byte)?;
    // SAFETY: as above.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw mut request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Which other process has the byte locked; `None`: none. A process does not see its own locks.
pub fn byte_holder(file: &File, byte: u64) -> io::Result<Option<u32>> {
    let mut request = request(libc::F_WRLCK as libc::c_short, byte)?;
    // SAFETY: as above; the call writes the structure, which is ours.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut request) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    let held = request.l_type != libc::F_UNLCK as libc::c_short;
    Ok(held.then(|| u32::try_from(request.l_pid).unwrap_or(0)))
}

/// A request for one byte. The kinds are of another integer type on macOS than on Linux.
fn request(kind: libc::c_short, byte: u64) -> io::Result<libc::flock> {
    // SAFETY: all-zero is a valid `flock` structure.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = kind;
    request.l_whence = libc::SEEK_SET as _;
    request.l_start = libc::off_t::try_from(byte).map_err(io::Error::other)?;
    request.l_len = 1;
    Ok(request)
}

/// Forces a file's data to the disk, past the drive's own cache where the system makes that a difference.
pub fn sync_data(file: &File) -> io::Result<()> {
    #[cfg(target_os = "macos")]
    {
        // SAFETY: the descriptor is open; F_FULLFSYNC takes no argument.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_FULLFSYNC) } == 0 {
            return Ok(());
        }
    }
    file.sync_data()
}

/// This machine's name.
pub fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is ours and its length is given.
    let done = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    if done != 0 {
        return "unknown".to_owned();
    }
    let end = buffer.iter().position(|byte| *byte == 0).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..end]).into_owned()
}

/// The kernel's boot identifier: pids and locks of another boot mean nothing. Empty: it can't be told.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The space in which this process's pid counts: containers share a boot, and often a host name, but not pids.
/// Empty: it can't be told.
pub fn pid_space() -> String {
    std::fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
}

/// When a process started, in the kernel's own unit; `None` if there is no such process, if it is dead and only
/// waits for its parent to notice, or if it can't be told.
pub fn started(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name may hold spaces and brackets: fields are counted after the last one (proc(5)): state is
    // the third, the start time the twenty-second.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// Whether the process of that pid runs that started then. `None`: it can't be told.
pub fn is_running(pid: u32, then: u64) -> Option<bool> {
    if let Some(start) = started(pid) {
        return Some(start == then);
    }
    let pid = libc::pid_t::try_from(pid).ok()?;
    // SAFETY: signal 0 is sent to nobody; the call only looks.
    if unsafe { libc::kill(pid, 0) } == 0 {
        // It is dead and waits for its parent, if processes can be looked at here at all.
        return started(std::process::id()).map(|_| false);
    }
    // Somebody else's process may be hidden (`hidepid`): that is not the same as gone.
    (io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)).then_some(false)
}

/// The kind of network file system that `path` lies on; `None`: it is local, or can't be told.
pub fn network_file_system(path: &Path) -> Option<&'static str> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let text = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
        // SAFETY: all-zero is a valid `statfs` structure, and both pointers are valid for the call.
        let kind = unsafe {
            let mut found: libc::statfs = std::mem::zeroed();
            if libc::statfs(text.as_ptr(), &raw mut found) != 0 {
                return None;
            }
            found.f_type as i64
        };
        // The magic numbers stand in linux/magic.h and in the file systems' own sources.
        network_kind(kind & 0xffff_ffff)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

/// The network file system of that magic number.
#[cfg(target_os = "linux")]
fn network_kind(magic: i64) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB2"),
        0x517b => Some("SMB"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x5346_414f => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        0x0102_1997 => Some("9p"),
        0x4750_4653 => Some("GPFS"),
        _ => None,
    }
}

/// Takes room for a file that is about to grow. A refusal costs speed only.
pub fn reserve(file: &File, from: u64, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let (from, len) = (
            libc::off_t::try_from(from).map_err(io::Error::other)?,
            libc::off_t::try_from(len).map_err(io::Error::other)?,
        );
        // SAFETY: the descriptor is open; the call takes numbers only.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, from, len) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, len);
    Ok(())
}

/// Gives the disk back what a part of a file takes; its length stays.
pub fn punch(file: &File, from: u64, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let from = libc::off_t::try_from(from).map_err(io::Error::other)?;
        let len = libc::off_t::try_from(len).map_err(io::Error::other)?;
        let how = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: the descriptor is open; the call takes numbers only.
        if unsafe { libc::fallocate(file.as_raw_fd(), how, from, len) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, from, len);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What tells a file from others, whatever they are called: its device and its number there.
pub fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// What a file takes on the disk, holes apart.
pub fn taken(file: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(file) * 512
}

/// The process that has a database of SQLite open, by the lock that every connection to it keeps; `None`: none but this
/// one. A file that is not there is open nowhere. Only for a process that has not opened that database itself: closing
/// the file here would drop its locks.
pub fn database_user(path: &Path) -> io::Result<Option<u32>> {
    // sqlite3.c: PENDING_BYTE, and SHARED_FIRST and SHARED_SIZE after it.
    const SHARED: (u64, u64) = (0x4000_0000 + 2, 510);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut request = request(libc::F_WRLCK as libc::c_short, SHARED.0)?;
    request.l_len = libc::off_t::try_from(SHARED.1).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open, and the call writes the structure, which is ours.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let held = request.l_type != libc::F_UNLCK as libc::c_short;
    Ok(held.then(|| u32::try_from(request.l_pid).unwrap_or(0)))
}

/// Makes a folder that nobody else may look into.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(path)
}

/// Opens a file to write to it, which is made for its owner alone if it is not there.
pub fn private_file(path: &Path) -> io::Result<File> {
    let mut how = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(how.write(true).create(true).truncate(false), 0o600).open(path)
}

/// Whether anybody but its owner may read a file. What belongs to somebody else who lends it (a service manager) may be
/// lent by its group.
pub fn others_may_read(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (found, me) = (file.metadata()?, {
        // SAFETY: it has no arguments and cannot fail.
        unsafe { libc::geteuid() }
    });
    let kept_from = if found.uid() == me { 0o077 } else { 0o007 };
    Ok(found.mode() & kept_from != 0)
}

/// Whether a file may be executed by its owner.
pub fn is_executable(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.permissions().mode() & 0o100 != 0
}

/// Makes a file one that nobody writes to.
pub fn read_only(path: &Path, executable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(if executable { 0o555 } else { 0o444 }))
}

/// Forces a folder's entries to the disk, so that a new file in it is still there after a power cut.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Has a process that is about to be started outlive a Ctrl-C that its starter gets.
pub fn stand_apart(command: &mut std::process::Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// Ends a child that stands apart, with all processes of its group.
pub fn kill_group(child: &mut std::process::Child) {
    if let Ok(pid) = libc::pid_t::try_from(child.id())
        && child.try_wait().is_ok_and(|status| status.is_none())
    {
        // SAFETY: no memory is touched; the child was not waited for, so the number is still its group's.
        unsafe { libc::kill(-pid, libc::SIGKILL) };
    }
}

/// How many bytes of memory a process has; `None`: that is not known here.
pub fn memory(pid: u32) -> Option<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    // SAFETY: no memory is touched.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(size).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn network_file_systems_are_told_by_their_number() {
        assert_eq!(network_kind(0x6969), Some("NFS"));
        assert_eq!(network_kind(0xfe53_4d42), Some("SMB2"));
        // ext4, tmpfs, btrfs, overlayfs.
        for local in [0xef53, 0x0102_1994, 0x9123_683e, 0x794c_7630] {
            assert_eq!(network_kind(local), None);
        }
        assert_eq!(network_file_system(Path::new("/proc")), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_died_but_was_not_waited_for_has_not_started() {
        // SAFETY: the child ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: ends the child without running anything of the test harness.
            unsafe { libc::_exit(0) };
        }
        // SAFETY: WNOWAIT leaves the dead child as it is; the structure is ours.
        let died = unsafe {
            let mut told: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, child.cast_unsigned(), &raw mut told, libc::WEXITED | libc::WNOWAIT)
        };
        assert_eq!(died, 0);
        assert!(Path::new(&format!("/proc/{child}/stat")).exists());
        assert_eq!(started(child.cast_unsigned()), None);
        assert!(started(std::process::id()).is_some());
        // SAFETY: the child is ours.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
}
