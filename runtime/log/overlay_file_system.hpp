#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <troupe/runtime/log/file_system.hpp>

namespace troupe::disk {

/// The files of another file system, as they are, with all changes kept in
/// memory: what a start would do to a directory can be seen without doing it.
///
/// Threads: one.
class overlay_file_system final : public file_system {
public:
  explicit overlay_file_system(file_system& below) : below_(below) {}

  open_result open(const std::string& path, open_mode mode) override;
  /// Always gets it: nothing is changed for others.
  open_result lock(const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int unlink(const std::string& path) override;
  int mkdir(const std::string& path) override;
  int list(const std::string& path, std::vector<std::string>& to) override;
  int sync_directory(const std::string&) override { return 0; }

private:
  using content = std::shared_ptr<std::string>; // none: deleted

  bool is_below(const std::string& path);

  file_system& below_;
  std::map<std::string, content> files_;
};

} // namespace troupe::disk
