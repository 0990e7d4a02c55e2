#include <troupe/cluster/raft/apply_window.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>

namespace troupe::raft {

std::vector<entry> apply_window::issue(const log_view& log, log_index upto) {
  if (!has_work(upto))
    return {};
  auto room = bytes_max_ > bytes_ ? bytes_max_ - bytes_ : 0;
  auto out = log.slice(log_index{applying_.value + 1}, upto, room);
  flight x{out.back().index, 0};
  for (auto& e : out)
    x.bytes += entry_bytes(e);
  applying_ = x.last;
  bytes_ += x.bytes;
  flights_.push_back(x);
  paused_ = bytes_ >= bytes_max_ || applying_ < upto;
  return out;
}

void apply_window::complete(log_index upto) {
  TROUPE_ASSERT(upto <= applying_, "applied {} above given out {}", upto,
                applying_);
  applied_ = std::max(applied_, upto);
  while (!flights_.empty() && flights_.front().last <= applied_) {
    bytes_ -= flights_.front().bytes;
    flights_.pop_front();
  }
  paused_ = !flights_.empty() && bytes_ >= bytes_max_;
}

void apply_window::jump(log_index to) {
  applied_ = std::max(applied_, to);
  applying_ = std::max(applying_, to);
  flights_.clear();
  bytes_ = 0;
  paused_ = false;
}

} // namespace troupe::raft
