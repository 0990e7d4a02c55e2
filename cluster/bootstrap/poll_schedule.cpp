#include <troupe/cluster/bootstrap/poll_schedule.hpp>

#include <algorithm>

namespace troupe::boot {

void poll_schedule::settled(const address& x) {
  auto i = polls_.find(x);
  if (i == polls_.end() || !i->second.open)
    return;
  i->second.open = false;
  i->second.due = i->second.sent_at + timing_.retry;
}

std::vector<address> poll_schedule::take_due(time_point now) {
  std::vector<address> result;
  for (auto& [at, one] : polls_) {
    if (one.due > now)
      continue;
    one = {now + std::max(timing_.retry, timing_.reply_timeout), true, now};
    result.push_back(at);
  }
  return result;
}

std::optional<time_point> poll_schedule::wake_at() const {
  auto i = std::min_element(polls_.begin(), polls_.end(), [](auto& a, auto& b) {
    return a.second.due < b.second.due;
  });
  return i == polls_.end() ? std::nullopt : std::optional{i->second.due};
}

std::vector<address> poll_schedule::addresses() const {
  std::vector<address> result;
  for (auto& row : polls_)
    result.push_back(row.first);
  return result;
}

} // namespace troupe::boot
