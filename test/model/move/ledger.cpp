#include "ledger.hpp"

#include <bit>

namespace troupe::model {

namespace {

std::string say(const message& x) {
  return std::string{static_cast<char>('a' + x.origin.value - 1)}
         + std::to_string(x.number);
}

} // namespace

std::string ledger::write(const note& x, node_id at, bool lossy,
                          bool said_lost) {
  auto origin = x.msg.origin.value - 1;
  auto e = static_cast<std::uint8_t>(x.epoch.value);
  switch (x.what) {
  case note::kind::sent:
    if (over_[origin] >> x.msg.number & 1)
      return say(x.msg) + " sent again after it was accounted for";
    under_way_[origin][x.msg.number] = e;
    return {};
  case note::kind::returned:
    under_way_[origin][x.msg.number] = 0;
    return {};
  case note::kind::processed:
    return processed(x.msg, at, x.epoch, lossy);
  case note::kind::dropped:
    over_[origin] |= static_cast<std::uint8_t>(1u << x.msg.number);
    return lossy ? "" : say(x.msg) + " dropped in a planned move";
  case note::kind::unknown: {
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < numbers_max; ++i)
      if (under_way_[origin][i] == e && e != 0) {
        ++found;
        under_way_[origin][i] = 0;
        if (!(done_[origin] >> i & 1))
          over_[origin] |= static_cast<std::uint8_t>(1u << i);
      }
    if (found != x.count)
      return "gives up " + std::to_string(x.count) + " messages, but "
             + std::to_string(found) + " are under way";
    return lossy ? "" : "messages given up in a planned move";
  }
  case note::kind::settled:
    for (std::size_t i = 0; i < numbers_max; ++i)
      if (under_way_[origin][i] == e && e != 0) {
        if (!(done_[origin] >> i & 1))
          return "the fence of epoch " + std::to_string(e)
                 + " came back before a message sent ahead of it was done";
        under_way_[origin][i] = 0;
      }
    return {};
  case note::kind::started:
    if (e <= last_epoch_)
      return "an actor starts at epoch " + std::to_string(e) + " after "
             + std::to_string(last_epoch_);
    if (x.given && x.had != had_)
      return "an actor starts from an old state";
    if (!x.given && saved_ && !said_lost)
      return "an actor starts empty though a state was saved";
    had_ = x.had;
    owner_ = static_cast<std::uint8_t>(at.value);
    last_epoch_ = e;
    return {};
  case note::kind::stopped:
    if (x.count != 0 && e == last_epoch_)
      saved_ = 1;
    return {};
  }
  return {};
}

std::string ledger::processed(const message& msg, node_id at, epoch by,
                              bool lossy) {
  auto i = msg.origin.value - 1;
  if (at.value != owner_ || by.value != last_epoch_)
    return say(msg) + " processed by an owner of before";
  if (done_[i] >> msg.number & 1)
    return say(msg) + " processed twice";
  if (over_[i] >> msg.number & 1)
    return say(msg) + " processed after it was accounted for";
  if (done_[i] >> msg.number)
    return say(msg) + " processed after a later one";
  bool gap = msg.number > 0 && !(done_[i] >> (msg.number - 1) & 1);
  if (!lossy && gap)
    return say(msg) + " processed before an earlier one";
  done_[i] |= static_cast<std::uint8_t>(1u << msg.number);
  had_[i] = static_cast<std::uint8_t>(msg.number + 1);
  return {};
}

void ledger::add_to(digester& d) const {
  static_assert(sizeof(ledger) == 24, "all of it is in the digest");
  for (auto word : std::bit_cast<std::array<std::uint64_t, 3>>(*this))
    d.add(word);
}

} // namespace troupe::model
