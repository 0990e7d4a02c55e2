#include <troupe/cluster/raft/inflight_window.hpp>

#include <troupe/cluster/assert.hpp>

namespace troupe::raft {

void inflight_window::add(log_index last, std::size_t bytes) {
  TROUPE_ASSERT(!full(), "append {} into a full window", last);
  TROUPE_ASSERT(appends_.empty() || appends_.back().last < last,
                "append {} out of order", last);
  appends_.push_back({last, bytes});
  bytes_ += bytes;
}

void inflight_window::release(log_index upto) {
  while (!appends_.empty() && appends_.front().last <= upto) {
    bytes_ -= appends_.front().bytes;
    appends_.pop_front();
  }
}

void inflight_window::clear() {
  appends_.clear();
  bytes_ = 0;
}

} // namespace troupe::raft
