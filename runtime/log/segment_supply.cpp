#include <troupe/runtime/log/segment_supply.hpp>

#include <algorithm>

#include <troupe/runtime/log/segment.hpp>

namespace troupe::disk {

namespace {

// Syncing as it goes keeps the log's own sync from waiting behind all of it.
constexpr std::uint64_t fill_bytes = 1u << 20;

result<std::unique_ptr<file>>
fill_zero_file(file_system& fs, const std::string& path, std::uint64_t bytes) {
  auto out = fs.open(path, open_mode::create);
  if (out.error != 0)
    return failed_call("create", path, out.error);
  std::string zeros(std::min(bytes, fill_bytes), '\0');
  for (std::uint64_t at = 0; at < bytes; at += zeros.size()) {
    auto part = std::string_view{zeros}.substr(
        0, std::min<std::uint64_t>(zeros.size(), bytes - at));
    if (auto ok = write_fully(*out.handle, path, part, at); !ok)
      return ok.error();
    if (auto rc = out.handle->fsync(); rc != 0)
      return failed_call("sync", path, rc);
  }
  return std::move(out.handle);
}

} // namespace

result<std::unique_ptr<file>>
make_zero_file(file_system& fs, const std::string& path, std::uint64_t bytes) {
  auto temporary = path + ".tmp";
  auto filled = fill_zero_file(fs, temporary, bytes);
  if (!filled) {
    fs.unlink(temporary);
    return filled;
  }
  if (auto rc = fs.rename(temporary, path); rc != 0)
    return failed_call("rename", temporary, rc);
  if (auto ok = sync_directory(fs, parent_directory(path)); !ok)
    return ok.error();
  return filled;
}

segment_supply::segment_supply(file_system& fs, std::string directory,
                               std::uint64_t segment_bytes, bool background)
    : fs_(fs),
      directory_(std::move(directory)),
      segment_bytes_(segment_bytes),
      background_(background) {
  if (background_)
    thread_ = std::thread{[this] { run(); }};
}

segment_supply::~segment_supply() {
  {
    std::unique_lock lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void segment_supply::adopt(std::uint64_t seq, std::unique_ptr<file> ready) {
  std::unique_lock lock{mutex_};
  ready_seq_ = seq;
  ready_ = std::move(ready);
}

void segment_supply::request(std::uint64_t seq) {
  std::unique_lock lock{mutex_};
  if (wanted_ == seq || (ready_ && ready_seq_ == seq))
    return;
  wanted_ = seq;
  if (background_)
    changed_.notify_all();
  else
    fill(lock);
}

result<std::unique_ptr<file>> segment_supply::take(std::uint64_t seq) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return wanted_ != seq; });
  if (failure_)
    return *failure_;
  if (ready_ && ready_seq_ == seq)
    return std::move(ready_);
  lock.unlock();
  return make(seq);
}

bool segment_supply::starved() const {
  std::unique_lock lock{mutex_};
  return starved_;
}

result<std::unique_ptr<file>> segment_supply::make(std::uint64_t seq) {
  return make_zero_file(fs_, directory_ + "/" + segment_name(seq),
                        segment_bytes_);
}

void segment_supply::fill(std::unique_lock<std::mutex>& lock) {
  auto seq = wanted_;
  lock.unlock();
  auto made = make(seq);
  if (made)
    (*made)->drop_cache(); // it is to be written past it
  lock.lock();
  starved_ = !made && made.error().code == errc::no_space;
  if (!made && !starved_)
    failure_ = made.error();
  ready_ = made ? std::move(*made) : nullptr;
  ready_seq_ = made ? seq : 0;
  wanted_ = 0;
  changed_.notify_all();
}

void segment_supply::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || wanted_ != 0; });
    if (stopping_)
      return;
    fill(lock);
  }
}

} // namespace troupe::disk
