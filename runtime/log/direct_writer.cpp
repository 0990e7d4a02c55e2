#include <troupe/runtime/log/direct_writer.hpp>

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::disk {

namespace {

// The kernel takes tens of milliseconds to end a context: they are used again.
std::mutex contexts_mutex;
std::vector<aio_context_t> contexts;

aio_context_t take_context() {
  {
    std::lock_guard guard{contexts_mutex};
    if (!contexts.empty()) {
      auto out = contexts.back();
      contexts.pop_back();
      return out;
    }
  }
  aio_context_t out = 0;
  return ::syscall(SYS_io_setup, 1L, &out) == 0 ? out : 0;
}

} // namespace

std::unique_ptr<direct_writer> direct_writer::open(int of) {
  auto path = "/proc/self/fd/" + std::to_string(of);
  auto fd = ::open(path.c_str(), O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);
  if (fd < 0)
    return nullptr;
  auto context = take_context();
  if (context == 0) {
    ::close(fd);
    return nullptr;
  }
  return std::unique_ptr<direct_writer>{new direct_writer{fd, context}};
}

direct_writer::~direct_writer() {
  if (under_way_) {
    ::syscall(SYS_io_destroy, context_);
  } else {
    std::lock_guard guard{contexts_mutex};
    contexts.push_back(context_);
  }
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
  under_way_ = ::syscall(SYS_io_submit, context_, 1L, list) == 1;
  return under_way_;
}

std::optional<std::int64_t> direct_writer::end() {
  io_event event{};
  timespec at_once{};
  long count = 0;
  do
    count = ::syscall(SYS_io_getevents, context_, 1L, 1L, &event, &at_once);
  while (count < 0 && errno == EINTR);
  if (count != 1)
    return std::nullopt;
  under_way_ = false;
  return event.res;
}

} // namespace troupe::disk
