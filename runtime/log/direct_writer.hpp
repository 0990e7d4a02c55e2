#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace troupe::disk {

/// Writes sectors of one file and makes them durable, past the page cache and
/// without a thread that waits: O_DIRECT, O_DSYNC and the kernel's
/// io_submit(2). One write at a time.
///
/// Threads: one at a time.
class direct_writer {
public:
  /// For the file that `fd` is open on. None: its file system or this kernel
  /// cannot.
  static std::unique_ptr<direct_writer> open(int fd);
  ~direct_writer(); // waits for what is under way
  direct_writer(const direct_writer&) = delete;
  direct_writer& operator=(const direct_writer&) = delete;

  /// Address, length and `offset` are multiples of 512. The bytes must stay
  /// until the end, which adds 1 to the eventfd `event`. False: not begun.
  bool begin(std::span<const char> bytes, std::uint64_t offset, int event);

  /// How it ended: a count of bytes or -errno. None: it is under way.
  std::optional<std::int64_t> end();

private:
  direct_writer(int fd, std::uint64_t context) : fd_(fd), context_(context) {}

  int fd_;
  std::uint64_t context_; // aio_context_t
  bool under_way_ = false;
};

} // namespace troupe::disk
