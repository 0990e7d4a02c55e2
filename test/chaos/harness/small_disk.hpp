#pragma once

#include <string>

namespace troupe::chaos {

/// A file system of its own on a directory, seen by this process and its
/// children alone.
class small_disk {
public:
  small_disk(const std::string& directory, unsigned mebibytes);
  ~small_disk();
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  /// It cannot be had here, as is printed: the test is skipped.
  bool skipped() const;

  bool resize(unsigned mebibytes);

  /// Takes all the room that is left, until `make_room`.
  void fill();
  void make_room();

private:
  bool mount(unsigned mebibytes, unsigned long flags);

  std::string directory_;
  std::string why_;
};

} // namespace troupe::chaos
