#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <test/model/move/member.hpp>

namespace troupe::model {

/// What became of every message, and who ran: the properties of a move.
///
/// - A message is processed once at most, in the order of its router, by the
///   actor of the last start, and not after it was accounted for as unknown.
/// - A router that gives up messages names as many as were under way; a fence
///   that came back covers none that is under way.
/// - Without a crash or a lost lease all are processed, without a gap.
/// - An actor starts at a greater epoch than the last, from what the last one
///   knew; empty only if that was not saved, or is said to be lost.
class ledger {
public:
  /// Empty: it is sound. `lossy`: something may be lost, if it is said.
  /// `said_lost`: the log calls the state lost that this start would have had.
  std::string write(const note& x, node_id at, bool lossy, bool said_lost);

  /// The map says running: the actor of before is not needed any more.
  void runs() { saved_ = 0; }

  /// The router is no more: what becomes of its messages is on nobody's books.
  void router_gone(node_id origin) { under_way_[origin.value - 1] = {}; }

  /// All that the router accepted is accounted for.
  bool settled(node_id origin, std::uint8_t accepted) const {
    auto i = origin.value - 1;
    return (done_[i] | over_[i]) == (1u << accepted) - 1;
  }

  void add_to(digester& d) const;

private:
  std::string processed(const message& msg, node_id at, epoch by, bool lossy);

  static constexpr std::size_t numbers_max = 4;
  std::array<std::uint8_t, 3> done_{}; // as bits, by origin
  std::array<std::uint8_t, 3> over_{}; // dropped or unknown, the same
  // Epoch at which a message is under way between two nodes; 0: it is not.
  std::array<std::array<std::uint8_t, numbers_max>, 3> under_way_{};
  content had_{};               // by the last actor
  std::uint8_t saved_ = 0;      // 1: and it is kept somewhere
  std::uint8_t owner_ = 0;      // of the last actor
  std::uint8_t last_epoch_ = 0; // the same
};

} // namespace troupe::model
