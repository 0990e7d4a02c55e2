#include <troupe/runtime/log/file_system.hpp>

#include <cerrno>
#include <cstring>

namespace troupe::disk {

const char* to_string(errc code) {
  switch (code) {
  case errc::locked:
    return "locked";
  case errc::foreign:
    return "foreign";
  case errc::corrupt:
    return "corrupt";
  case errc::no_space:
    return "no_space";
  case errc::io:
    return "io";
  case errc::not_found:
    return "not_found";
  case errc::invalid:
    return "invalid";
  }
  return "?";
}

refusal failed_call(std::string_view call, const std::string& path, int error) {
  auto what = path + ": " + std::string{call}
              + " failed: " + std::strerror(error < 0 ? -error : error);
  if (error == -ENOSPC || error == -EDQUOT)
    return {errc::no_space, what + "; make room and start again"};
  if (error == -ENOENT)
    return {errc::not_found, what};
  return {errc::io, what
                        + "; check the disk and the permissions, then start "
                          "again"};
}

result<void> write_fully(file& to, const std::string& path,
                         std::span<iovec> parts, std::uint64_t offset) {
  while (!parts.empty()) {
    auto n = to.pwritev(parts, offset);
    if (n == -EINTR)
      continue;
    if (n <= 0)
      return failed_call("write", path, n == 0 ? -EIO : static_cast<int>(n));
    offset += static_cast<std::uint64_t>(n);
    auto rest = static_cast<std::size_t>(n);
    while (!parts.empty() && rest >= parts.front().iov_len) {
      rest -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (!parts.empty()) {
      auto& part = parts.front();
      part.iov_base = static_cast<char*>(part.iov_base) + rest;
      part.iov_len -= rest;
    }
  }
  return {};
}

result<void> write_fully(file& to, const std::string& path,
                         std::string_view bytes, std::uint64_t offset) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return write_fully(to, path, std::span<iovec>{&part, bytes.empty() ? 0u : 1u},
                     offset);
}

result<std::string> read_fully(file& from, const std::string& path,
                               std::uint64_t offset, std::uint64_t bytes) {
  std::string to(bytes, '\0');
  std::size_t have = 0;
  while (have < to.size()) {
    auto n = from.pread({to.data() + have, to.size() - have}, offset + have);
    if (n == -EINTR)
      continue;
    if (n < 0)
      return failed_call("read", path, static_cast<int>(n));
    if (n == 0)
      break;
    have += static_cast<std::size_t>(n);
  }
  to.resize(have);
  return to;
}

result<std::string> read_file(file_system& fs, const std::string& path) {
  auto in = fs.open(path, open_mode::read);
  if (in.error != 0)
    return failed_call("open", path, in.error);
  if (auto rc = in.handle->fdatasync(); rc != 0)
    return failed_call("sync", path, rc);
  in.handle->drop_cache();
  auto size = in.handle->size();
  if (size < 0)
    return failed_call("stat", path, static_cast<int>(size));
  return read_fully(*in.handle, path, 0, static_cast<std::uint64_t>(size));
}

result<void> replace_file(file_system& fs, const std::string& path,
                          std::string_view bytes) {
  auto temporary = path + ".tmp";
  auto write = [&]() -> result<void> {
    auto out = fs.open(temporary, open_mode::create);
    if (out.error != 0)
      return failed_call("create", temporary, out.error);
    if (auto ok = write_fully(*out.handle, temporary, bytes, 0); !ok)
      return ok;
    if (auto rc = out.handle->fsync(); rc != 0)
      return failed_call("sync", temporary, rc);
    return {};
  };
  if (auto ok = write(); !ok) {
    fs.unlink(temporary);
    return ok;
  }
  if (auto rc = fs.rename(temporary, path); rc != 0)
    return failed_call("rename", temporary, rc);
  return {};
}

result<void> sync_directory(file_system& fs, const std::string& path) {
  if (auto rc = fs.sync_directory(path); rc != 0) {
    // Even for want of room: a name may or may not be durable now.
    auto why = failed_call("sync", path, rc);
    why.code = errc::io;
    return why;
  }
  return {};
}

result<void> make_directory(file_system& fs, const std::string& path) {
  auto made = fs.mkdir(path);
  if (made != 0 && made != -EEXIST)
    return failed_call("mkdir", path, made);
  // An earlier start may have made it and died. Whose parent we may not read,
  // that was made by an operator.
  auto parent = parent_directory(path);
  if (auto rc = fs.sync_directory(parent); rc != 0 && rc != -EACCES)
    return failed_call("sync", parent, rc);
  return {};
}

std::string parent_directory(const std::string& path) {
  auto at = path.rfind('/');
  if (at == std::string::npos)
    return ".";
  return at == 0 ? "/" : path.substr(0, at);
}

} // namespace troupe::disk
