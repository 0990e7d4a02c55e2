#include <troupe/cluster/group/own_batches.hpp>

#include <troupe/cluster/assert.hpp>

namespace troupe::raft {

std::uint64_t own_batches::add(payload entry, boot_time wait_until,
                               boot_time deadline) {
  auto number = next_number();
  auto size = entry->size();
  bytes_ += size;
  rows_.push_back(
      {std::move(entry), size, wait_until, deadline, stage::held, {}, {}});
  return number;
}

std::uint64_t own_batches::first_held() const {
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].at == stage::held)
      return first_ + i;
  return 0;
}

payload own_batches::entry(std::uint64_t number) const {
  return rows_[number - first_].entry;
}

auto own_batches::find(std::uint64_t number) -> row* {
  if (number < first_ || number >= next_number())
    return nullptr;
  auto& x = rows_[number - first_];
  return x.at == stage::ended ? nullptr : &x;
}

void own_batches::end(std::uint64_t number, row& x) {
  TROUPE_ASSERT(x.at != stage::ended, "batch {} ends twice", number);
  x.at = stage::ended;
  x.entry.reset();
  bytes_ -= x.bytes;
  while (!rows_.empty() && rows_.front().at == stage::ended) {
    rows_.pop_front();
    ++first_;
  }
}

void own_batches::sent(std::uint64_t number, term in) {
  if (auto* x = find(number)) {
    x->at = stage::sent;
    x->term = in;
  }
}

void own_batches::placed(std::uint64_t number, term in, log_index at) {
  if (auto* x = find(number)) {
    x->at = stage::placed;
    x->term = in;
    x->index = at;
  }
}

void own_batches::hold(std::uint64_t number) {
  if (auto* x = find(number))
    x->at = stage::held;
}

void own_batches::fail(std::uint64_t number, group_code why) {
  if (auto* x = find(number)) {
    failed_.push_back({number, why});
    end(number, *x);
  }
}

bool own_batches::applied(std::uint64_t number) {
  auto* x = find(number);
  if (x == nullptr)
    return false;
  end(number, *x);
  return true;
}

void own_batches::seen(log_index at, term in, log_index unseen) {
  for (auto number = first_; number < next_number(); ++number) {
    auto* x = find(number);
    if (x == nullptr || x->at == stage::held)
      continue;
    if (x->at == stage::placed && (x->index <= at || x->term < in))
      // Terms never fall along a log: it cannot come any more.
      fail(number, x->index <= unseen ? group_code::outcome_unknown
                                      : group_code::replaced);
    else if (x->at == stage::sent && x->term < in)
      fail(number, group_code::outcome_unknown);
  }
}

void own_batches::expire(boot_time now) {
  for (auto number = first_; number < next_number(); ++number) {
    auto* x = find(number);
    if (x == nullptr)
      continue;
    if (x->at == stage::held && now >= x->wait_until)
      fail(number, group_code::no_leader);
    else if (x->at != stage::held && now >= x->deadline)
      fail(number, group_code::outcome_unknown);
  }
}

void own_batches::fail_all(group_code why_held) {
  for (auto number = first_; number < next_number(); ++number)
    if (auto* x = find(number))
      fail(number,
           x->at == stage::held ? why_held : group_code::outcome_unknown);
}

} // namespace troupe::raft
