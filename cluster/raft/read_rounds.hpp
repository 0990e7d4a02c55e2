#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include <troupe/cluster/raft/types.hpp>

namespace troupe::raft {

/// A leader's reads that wait for a heartbeat round (thesis, 6.4).
///
/// A read is answered once a quorum has answered a round that began after the
/// read arrived. Rounds are numbered by the leader, never by who asks: an
/// answer to an older round can then not release a later read.
class read_rounds {
public:
  struct read {
    member_id from{}; // none: this member
    std::uint64_t id = 0;
  };

  struct group {
    std::uint64_t round = 0;
    log_index index{};
    std::vector<read> reads;
  };

  void ask(read x) { waiting_.push_back(x); }
  bool has_waiting() const { return !waiting_.empty(); }
  std::vector<read> take_waiting() { return std::exchange(waiting_, {}); }

  /// All that wait go with this round, which begins now, at this commit index.
  void begin(std::uint64_t round, log_index commit) {
    asked_ += waiting_.size();
    groups_.push_back({round, commit, take_waiting()});
  }

  /// A quorum has answered `round`: what may be answered, in order.
  std::vector<group> confirm(std::uint64_t round) {
    std::vector<group> out;
    while (!groups_.empty() && groups_.front().round <= round) {
      asked_ -= groups_.front().reads.size();
      out.push_back(std::move(groups_.front()));
      groups_.pop_front();
    }
    return out;
  }

  /// Everything, unanswered.
  std::vector<read> take_all() {
    std::vector<read> out;
    for (auto& x : std::exchange(groups_, {}))
      out.insert(out.end(), x.reads.begin(), x.reads.end());
    out.insert(out.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
    asked_ = 0;
    return out;
  }

  std::size_t size() const { return waiting_.size() + asked_; }

private:
  std::vector<read> waiting_; // for the next round
  std::size_t asked_ = 0;     // in `groups_`
  std::deque<group> groups_;
};

} // namespace troupe::raft
