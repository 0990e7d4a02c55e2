#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <troupe/cluster/map/settings.hpp>
#include <troupe/cluster/map/types.hpp>
#include <troupe/proto/control.pb.h>

namespace troupe {

class node_core;

/// How far a node is that goes in order, for the process around it.
struct departing {
  enum class stage : std::uint8_t {
    /// What its partitions save finds no room here. They are in memory alone:
    /// other nodes take them, instead of a restart.
    no_room,
    /// Nothing more is to be asked through this node: stop serving clients,
    /// then `node_core::clients_gone`.
    serves_nobody,
    /// The process may end.
    ended
  };
  stage now{};
  // When it has ended:
  bool in_order = false;  // nothing is left here that others wait for
  bool last = false;      // nobody was there to give anything to
  std::uint32_t kept = 0; // partitions that nobody took, and still run
  std::string refused{};  // why the leader would not have it go
};

/// How a node that is to stop goes in order: it says so, gives its partitions
/// away or has them saved for its return, lets another lead, and is let go.
///
/// View:       one node; owned by its `node_core`.
/// In:         ticks, answers of the leader.
/// Out:        commands, a transfer of leadership, `departing`.
/// Invariants: it ends, whatever the others do: [INV-NODE-5].
/// Errors:     in the last `departing`.
/// Threads:    none of its own.
class departure {
public:
  enum class goal : std::uint8_t { restart, leave };

  explicit departure(goal wanted) : goal_(wanted) {}

  /// What became of it, if anything did.
  std::optional<departing> tick(boot_time now, node_core& core);

  /// True: the answer is to a command of ours.
  bool answered(const proto::CommandReply& reply);

  void clients_gone() { clients_gone_ = true; }

private:
  enum class stage : std::uint8_t {
    saying,       // until the map shows the intent
    emptying,     // until nothing is left here to give away, or to save
    staying,      // the last that may own something: until the others went
    serving,      // until clients are gone
    handing_over, // until another leads
    retiring,     // until the leader knows that it need not wait for the lease
    lingering,    // others need this node's vote a while longer
    asking,       // to be let go
    ended
  };

  void begin(stage next, boot_time now, boot_time limit);
  std::optional<departing> say(boot_time now, node_core& core);
  std::optional<departing> give_away(boot_time now, node_core& core);
  std::optional<departing> save(boot_time now, node_core& core);
  std::optional<departing> stay(boot_time now, node_core& core);
  std::optional<departing> hand_over(boot_time now, node_core& core);
  std::optional<departing> retire(boot_time now, const node_core& core);
  std::optional<departing> ask(boot_time now, node_core& core);
  void send(boot_time now, node_core& core, proto::CommandRequest what);
  void say_intent(boot_time now, node_core& core);
  departing end(bool in_order);

  bool shows_intent(const node_core& core) const;
  bool cut_off(boot_time now, const node_core& core) const;

  goal goal_;
  stage stage_ = stage::saying;
  std::optional<boot_time> until_;           // the stage's end at the latest
  boot_time empty_until_{0};                 // the same of `emptying`, in all
  std::uint64_t command_ = 0;                // under way; 0: none
  stage asked_in_{};                         // the stage that it is of
  std::optional<proto::CommandReply> reply_; // to the last one
  std::optional<boot_time> again_at_;        // the next one; none: see reply_
  bool clients_gone_ = false;
  bool complete_ = false; // all was given away, or saved
  std::uint32_t kept_ = 0;
  std::string refused_;
  log_index refused_at_;
};

} // namespace troupe
