#include <troupe/runtime/log/direct_writer.hpp>

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace troupe::disk {

std::unique_ptr<direct_writer> direct_writer::open(int of) {
  auto path = "/proc/self/fd/" + std::to_string(of);
  auto fd = ::open(path.c_str(), O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);
  if (fd < 0)
    return nullptr;
  aio_context_t context = 0;
  if (::syscall(SYS_io_setup, 1L, &context) != 0) {
    ::close(fd);
    return nullptr;
  }
  return std::unique_ptr<direct_writer>{new direct_writer{fd, context}};
}

direct_writer::~direct_writer() {
  ::syscall(SYS_io_destroy, context_);
  ::close(fd_);
}

bool direct_writer::begin(std::span<const char> bytes, std::uint64_t offset,
                          int event) {
  iocb what{};
  what.aio_lio_opcode = IOCB_CMD_PWRITE;
  what.aio_fildes = static_cast<std::uint32_t>(fd_);
  what.aio_buf = reinterpret_cast<std::uint64_t>(bytes.data());
  what.aio_nbytes = bytes.size();
  what.aio_offset = static_cast<std::int64_t>(offset);
  what.aio_flags = IOCB_FLAG_RESFD;
  what.aio_resfd = static_cast<std::uint32_t>(event);
  what.aio_rw_flags = RWF_NOWAIT; // rather fail than wait for other work
  iocb* list[] = {&what};
  return ::syscall(SYS_io_submit, context_, 1L, list) == 1;
}

std::optional<std::int64_t> direct_writer::end() {
  io_event event{};
  timespec at_once{};
  long count = 0;
  do
    count = ::syscall(SYS_io_getevents, context_, 1L, 1L, &event, &at_once);
  while (count < 0 && errno == EINTR);
  return count == 1 ? std::optional{event.res} : std::nullopt;
}

} // namespace troupe::disk
