#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::test {

/// A file's bytes: as programs see them, and as the disk would have them after
/// a power cut.
class sim_disk_file {
public:
  static constexpr std::uint64_t sector_bytes = 512;

  const std::string& bytes() const { return now_; }
  const std::string& durable() const { return durable_; }

  void write(std::uint64_t offset, std::string_view bytes);
  void truncate(std::uint64_t bytes);
  void sync();
  /// A sync that fails: what was not durable never will be, but is still read
  /// from the cache.
  void lose_pending();
  /// Reads come from the disk, unless they are of what waits to be written.
  void drop_cache();
  /// Each sector that waits for a sync: as it was, as one of the writes since
  /// left it or, if the newest write touched it, torn.
  void crash(std::mt19937_64& random);
  /// Damages what is there; for tests of bit rot.
  void flip(std::uint64_t offset, std::uint8_t mask);

private:
  struct pending_write {
    std::uint64_t offset = 0;
    std::string bytes;
  };

  std::string now_;
  std::string durable_;
  std::vector<pending_write> pending_;
  std::vector<std::uint64_t> sizes_; // since the last sync
};

} // namespace troupe::test
