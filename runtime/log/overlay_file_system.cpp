#include <troupe/runtime/log/overlay_file_system.hpp>

#include <algorithm>
#include <cerrno>
#include <set>

namespace troupe::disk {

namespace {

class memory_file final : public file {
public:
  explicit memory_file(std::shared_ptr<std::string> bytes)
      : bytes_(std::move(bytes)) {}

  std::int64_t pwritev(std::span<const iovec> parts,
                       std::uint64_t offset) override {
    std::int64_t out = 0;
    for (auto& part : parts) {
      if (bytes_->size() < offset + part.iov_len)
        bytes_->resize(offset + part.iov_len);
      std::copy_n(static_cast<const char*>(part.iov_base), part.iov_len,
                  bytes_->data() + offset);
      offset += part.iov_len;
      out += static_cast<std::int64_t>(part.iov_len);
    }
    return out;
  }

  std::int64_t pread(std::span<char> to, std::uint64_t offset) override {
    if (offset >= bytes_->size())
      return 0;
    auto n = std::min<std::uint64_t>(to.size(), bytes_->size() - offset);
    std::copy_n(bytes_->data() + offset, n, to.data());
    return static_cast<std::int64_t>(n);
  }

  int fdatasync() override { return 0; }
  int fsync() override { return 0; }
  int truncate(std::uint64_t bytes) override {
    bytes_->resize(bytes);
    return 0;
  }
  std::int64_t size() override {
    return static_cast<std::int64_t>(bytes_->size());
  }
  void drop_cache() override {}

private:
  std::shared_ptr<std::string> bytes_;
};

} // namespace

bool overlay_file_system::is_below(const std::string& path) {
  return below_.open(path, open_mode::read).error == 0;
}

open_result overlay_file_system::open(const std::string& path, open_mode mode) {
  auto i = files_.find(path);
  if (mode == open_mode::create) {
    auto bytes = std::make_shared<std::string>();
    files_[path] = bytes;
    return {0, std::make_unique<memory_file>(bytes)};
  }
  if (i != files_.end() && !i->second)
    return {-ENOENT, nullptr};
  if (i != files_.end())
    return {0, std::make_unique<memory_file>(i->second)};
  if (mode == open_mode::read)
    return below_.open(path, mode);
  auto bytes = read_file(below_, path);
  if (!bytes)
    return {bytes.error().code == errc::not_found ? -ENOENT : -EIO, nullptr};
  auto copy = std::make_shared<std::string>(std::move(*bytes));
  files_[path] = copy;
  return {0, std::make_unique<memory_file>(copy)};
}

open_result overlay_file_system::lock(const std::string&) {
  return {0, std::make_unique<memory_file>(std::make_shared<std::string>())};
}

int overlay_file_system::rename(const std::string& from,
                                const std::string& to) {
  auto opened = open(from, open_mode::write);
  if (opened.error != 0)
    return opened.error;
  files_[to] = files_[from];
  files_[from] = nullptr;
  return 0;
}

int overlay_file_system::unlink(const std::string& path) {
  auto i = files_.find(path);
  bool there = i == files_.end() ? is_below(path) : i->second != nullptr;
  files_[path] = nullptr;
  return there ? 0 : -ENOENT;
}

int overlay_file_system::mkdir(const std::string&) {
  return -EEXIST;
}

int overlay_file_system::list(const std::string& path,
                              std::vector<std::string>& to) {
  std::vector<std::string> below;
  if (auto rc = below_.list(path, below); rc != 0)
    return rc;
  std::set<std::string> names{below.begin(), below.end()};
  for (auto& [full, bytes] : files_) {
    if (parent_directory(full) != path)
      continue;
    auto name = full.substr(path.size() + 1);
    if (bytes)
      names.insert(name);
    else
      names.erase(name);
  }
  to.assign(names.begin(), names.end());
  return 0;
}

} // namespace troupe::disk
