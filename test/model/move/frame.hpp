#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <test/model/digest.hpp>
#include <troupe/cluster/move/partition_slot.hpp>

namespace troupe::model {

/// What users send to the partition.
struct message {
  node_id origin;          // whose router accepted it
  std::uint8_t number = 0; // of this origin, from 0
  boot_time deadline{0};
  std::size_t bytes = 1;
};

using slot = partition_slot<message>;

/// What an actor of the model remembers: of each origin, how many it did.
using content = std::array<std::uint8_t, 3>;

inline std::string to_text(const content& x) {
  return {x.begin(), x.end()};
}

/// What travels between two nodes, in order.
struct frame {
  enum class kind : std::uint8_t {
    data,
    give_back,
    fence,
    fenced,
    state,
    state_taken,
    goodbye,
  };
  kind what{};
  troupe::epoch epoch;
  message msg;       // data, give_back
  route known;       // give_back
  std::string bytes; // state
};

inline digest digest_of(const frame& x) {
  digester d;
  d.add(x.what, x.epoch, x.msg.origin, x.msg.number, x.known.stage,
        x.known.owner, x.known.epoch, x.known.version, x.known.owner_started,
        std::string_view{x.bytes});
  return d.get();
}

inline std::string to_text(const frame& x) {
  static const char* names[] = {"message",      "return of", "fence",
                                "fence answer", "state",     "state taken",
                                "goodbye"};
  std::string out = names[static_cast<int>(x.what)];
  if (x.what <= frame::kind::give_back) {
    out += ' ';
    out += static_cast<char>('a' + x.msg.origin.value - 1);
    out += std::to_string(x.msg.number);
  }
  if (x.what != frame::kind::goodbye)
    out += " @" + std::to_string(x.epoch.value);
  return out;
}

} // namespace troupe::model
