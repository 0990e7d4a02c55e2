#include <troupe/runtime/log/directory_lock.hpp>

#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace troupe::disk {

namespace {

// The process id that the holder wrote into its lock file; 0: cannot tell.
long holder(file_system& fs, const std::string& path) {
  auto in = fs.open(path, open_mode::read);
  if (in.error != 0)
    return 0;
  auto text = read_fully(*in.handle, path, 0, 32);
  long pid = 0;
  if (text)
    std::from_chars(text->data(), text->data() + text->size(), pid);
  return pid;
}

} // namespace

directory_lock::directory_lock(file_system& fs, std::string directory,
                               std::unique_ptr<file> held)
    : fs_(&fs), directory_(std::move(directory)), held_(std::move(held)) {
}

result<directory_lock> directory_lock::acquire(file_system& fs,
                                               const std::string& directory) {
  if (auto ok = make_directory(fs, directory); !ok)
    return ok.error();
  auto path = directory + "/LOCK";
  auto locked = fs.lock(path);
  if (locked.error == -EWOULDBLOCK) {
    auto pid = holder(fs, path);
    return refusal{errc::locked,
                   "another process"
                       + (pid > 0 ? " (" + std::to_string(pid) + ")" : "")
                       + " uses " + directory
                       + "; stop it, or give this one a directory of its own"};
  }
  if (locked.error != 0)
    return failed_call("lock", path, locked.error);
  // For people only: who cannot write it, for a full disk, holds it all the
  // same.
  if (locked.handle->truncate(0) == 0)
    static_cast<void>(bool(write_fully(*locked.handle, path,
                                       std::to_string(::getpid()) + "\n", 0)));
  return directory_lock{fs, directory, std::move(locked.handle)};
}

} // namespace troupe::disk
