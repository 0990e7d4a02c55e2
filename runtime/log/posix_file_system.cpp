#include <troupe/runtime/log/file_system.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include <troupe/runtime/log/direct_writer.hpp>

namespace troupe::disk {

namespace {

template <class T>
T or_errno(T rc) {
  return rc < 0 ? -errno : rc;
}

class posix_file final : public file {
public:
  explicit posix_file(int fd) : fd_(fd) {}
  ~posix_file() override { ::close(fd_); }

  std::int64_t pwritev(std::span<const iovec> parts,
                       std::uint64_t offset) override {
    cached_ = true;
    return or_errno(::pwritev(fd_, parts.data(), static_cast<int>(parts.size()),
                              static_cast<off_t>(offset)));
  }
  std::int64_t pread(std::span<char> to, std::uint64_t offset) override {
    return or_errno(
        ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset)));
  }
  int fdatasync() override { return or_errno(::fdatasync(fd_)); }
  int fsync() override { return or_errno(::fsync(fd_)); }
  int truncate(std::uint64_t bytes) override {
    return or_errno(::ftruncate(fd_, static_cast<off_t>(bytes)));
  }
  std::int64_t size() override {
    struct stat st {};
    auto rc = or_errno(::fstat(fd_, &st));
    return rc < 0 ? rc : st.st_size;
  }
  void drop_cache() override {
    ::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED);
  }

  bool begin_durable(std::span<const char> bytes, std::uint64_t offset,
                     int event) override {
    if (!direct_works_)
      return false;
    if (!direct_)
      direct_ = direct_writer::open(fd_);
    if (std::exchange(cached_, false))
      drop_cache(); // a page that is there would have to be waited for
    direct_works_ = direct_ && direct_->begin(bytes, offset, event);
    return direct_works_;
  }
  std::optional<std::int64_t> end_durable() override {
    auto out = direct_->end();
    if (out == -EAGAIN || out == -EINTR) // it would have had to wait
      return not_written;
    if (out == -EINVAL || out == -EOPNOTSUPP) { // sectors of 4 KiB, say
      direct_works_ = false;
      return not_written;
    }
    return out;
  }

private:
  int fd_;
  std::unique_ptr<direct_writer> direct_;
  bool direct_works_ = true;
  bool cached_ = true; // pages may be
};

open_result open_file(const std::string& path, int flags) {
  int fd = 0;
  do
    fd = or_errno(::open(path.c_str(), flags | O_CLOEXEC, 0666));
  while (fd == -EINTR);
  if (fd < 0)
    return {fd, nullptr};
  return {0, std::make_unique<posix_file>(fd)};
}

class posix final : public file_system {
public:
  open_result open(const std::string& path, open_mode mode) override {
    switch (mode) {
    case open_mode::read:
      return open_file(path, O_RDONLY);
    case open_mode::write:
      return open_file(path, O_RDWR);
    case open_mode::create:
      break;
    }
    return open_file(path, O_RDWR | O_CREAT | O_TRUNC);
  }

  open_result lock(const std::string& path) override {
    auto fd =
        or_errno(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (fd < 0)
      return {fd, nullptr};
    auto held = std::make_unique<posix_file>(fd);
    if (auto rc = or_errno(::flock(fd, LOCK_EX | LOCK_NB)); rc != 0)
      return {rc, nullptr};
    return {0, std::move(held)};
  }

  int rename(const std::string& from, const std::string& to) override {
    return or_errno(::rename(from.c_str(), to.c_str()));
  }
  int unlink(const std::string& path) override {
    return or_errno(::unlink(path.c_str()));
  }
  int mkdir(const std::string& path) override {
    return or_errno(::mkdir(path.c_str(), 0777));
  }

  int list(const std::string& path, std::vector<std::string>& to) override {
    to.clear();
    auto* dir = ::opendir(path.c_str());
    if (dir == nullptr)
      return -errno;
    errno = 0;
    while (auto* entry = ::readdir(dir)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..")
        to.push_back(std::move(name));
    }
    auto rc = -errno;
    ::closedir(dir);
    std::sort(to.begin(), to.end());
    return rc;
  }

  int sync_directory(const std::string& path) override {
    auto fd =
        or_errno(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
      return fd;
    auto rc = or_errno(::fsync(fd));
    ::close(fd);
    return rc;
  }
};

} // namespace

file_system& posix_file_system() {
  static posix instance;
  return instance;
}

} // namespace troupe::disk
