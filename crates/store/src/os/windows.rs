//! The windows half. It compiles to answers that refuse nothing and promise nothing: never run so far, so
//! executions are judged by their leases alone, and one process at a time should use a store.

use std::fs::File;
use std::io;
use std::path::Path;

/// See the unix half. Always granted: SQLite's own locks keep the file whole.
pub fn lock_byte(_file: &File, _byte: u64) -> io::Result<bool> {
    Ok(true)
}

/// See the unix half.
pub fn unlock_byte(_file: &File, _byte: u64) -> io::Result<()> {
    Ok(())
}

/// See the unix half.
pub fn byte_holder(_file: &File, _byte: u64) -> io::Result<Option<u32>> {
    Ok(None)
}

/// See the unix half.
pub fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// See the unix half.
pub fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".to_owned())
}

/// See the unix half. Empty: owners are judged by their leases.
pub fn boot_id() -> String {
    String::new()
}

/// See the unix half.
pub fn pid_space() -> String {
    String::new()
}

/// See the unix half.
pub fn started(_pid: u32) -> Option<u64> {
    None
}

/// See the unix half.
pub fn network_file_system(_path: &Path) -> Option<&'static str> {
    None
}

/// See the unix half.
pub fn reserve(_file: &File, _from: u64, _len: u64) -> io::Result<()> {
    Ok(())
}

/// See the unix half. Windows has no such call: the file's own sync covers its entry.
pub fn is_executable(_file: &std::fs::Metadata) -> bool {
    false
}

pub fn read_only(path: &Path, _executable: bool) -> io::Result<()> {
    let mut permissions = std::fs::metadata(path)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(path, permissions)
}

pub fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// See the unix half: `CREATE_NEW_PROCESS_GROUP`.
pub fn stand_apart(command: &mut std::process::Command) {
    std::os::windows::process::CommandExt::creation_flags(command, 0x0000_0200);
}

/// See the unix half. What the child has started stays.
pub fn kill_group(child: &mut std::process::Child) {
    // One that has ended already needs no end.
    drop(child.kill());
}

/// See the unix half. It cannot be told.
pub fn memory(_pid: u32) -> Option<u64> {
    None
}

/// Nothing is known of processes.
pub fn is_running(_pid: u32, _then: u64) -> Option<bool> {
    None
}

/// See the unix half. Nothing is given back.
pub fn punch(_file: &File, _from: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// See the unix half.
pub fn taken(file: &std::fs::Metadata) -> u64 {
    file.len()
}

/// See the unix half. It cannot be told; the system refuses to replace a file that is open.
pub fn database_user(_path: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}

/// See the unix half. It cannot be told; the system refuses to move a file that is open.
pub fn file_id(_path: &Path) -> io::Result<(u64, u64)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// See the unix half. It cannot be told.
pub fn others_may_read(_file: &File) -> io::Result<bool> {
    Ok(false)
}

/// See the unix half. Who may look is inherited.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)
}

/// See the unix half. Who may read is inherited.
pub fn private_file(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).open(path)
}
