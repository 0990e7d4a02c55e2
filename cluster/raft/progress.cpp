#include <troupe/cluster/raft/progress.hpp>

#include <algorithm>

#include <troupe/cluster/assert.hpp>

namespace troupe::raft {

namespace {

log_index after(log_index x) {
  return log_index{x.value + 1};
}

} // namespace

void progress::enter(raft::feed x) {
  feed_ = x;
  paused_ = false;
  snapshot_ = log_index{};
  window_.clear();
}

void progress::lower_next(log_index to) {
  TROUPE_ASSERT(to > match_, "next {} at match {}", to, match_);
  next_ = to;
  sent_commit_ = std::min(sent_commit_, log_index{to.value - 1});
}

void progress::become_probe() {
  auto base = feed_ == feed::snapshot ? std::max(match_, snapshot_) : match_;
  enter(feed::probe);
  lower_next(after(base));
}

void progress::become_replicate() {
  enter(feed::replicate);
  next_ = after(match_);
}

void progress::become_snapshot(log_index at) {
  enter(feed::snapshot);
  snapshot_ = at;
  next_ = after(std::max(at, match_));
  sent_commit_ = at;
}

void progress::snapshot_ended(log_index at) {
  if (feed_ != feed::snapshot)
    return;
  snapshot_ = at;
  become_probe();
  paused_ = true;
}

void progress::sent(std::size_t entries, std::size_t bytes, log_index commit) {
  TROUPE_ASSERT(feed_ != feed::snapshot, "append during snapshot {}",
                snapshot_);
  if (feed_ == feed::replicate) {
    if (entries > 0) {
      next_.value += entries;
      window_.add(log_index{next_.value - 1}, bytes);
    }
    // Into a full window only a probe goes; a heartbeat's reply allows another.
    paused_ = window_.full();
  } else if (entries > 0) {
    paused_ = true;
  }
  sent_commit_ = commit;
}

bool progress::matched(log_index upto) {
  if (upto <= match_)
    return false;
  match_ = upto;
  next_ = std::max(next_, after(upto));
  paused_ = false;
  return true;
}

bool progress::refused(log_index refused, log_index hint) {
  if (feed_ == feed::replicate) {
    if (refused <= match_)
      return false;
    lower_next(after(match_));
    return true;
  }
  // A probe is for next - 1; a refusal of anything else is an old one.
  if (next_.value - 1 != refused.value)
    return false;
  lower_next(std::max(std::min(refused, after(hint)), after(match_)));
  paused_ = false;
  return true;
}

} // namespace troupe::raft
