#pragma once

#include <deque>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include <raft_script/script_node.hpp>

namespace troupe::raft::script {

/// What a member's own disk or application tells it: never lost.
struct write_done {
  std::uint64_t batch = 0;
};
struct apply_done {
  log_index upto{};
};

struct parcel {
  member_id to{};
  std::variant<message, write_done, apply_done> what;
  std::string content; // of the application, with a snapshot_offer

  bool local() const { return !std::holds_alternative<message>(what); }
};

/// The name that scripts have for a message's kind, such as "MsgApp".
std::string_view kind_of(const parcel& x);

/// The members, numbered from 1, and what is under way between them.
class script_world {
public:
  std::vector<std::unique_ptr<script_node>> nodes;

  /// Nothing if there is no such member.
  script_node* find(std::uint64_t id);

  /// Takes what is due and carries it out, or queues it in an async member.
  void process_ready(script_node& node);
  void process_append(script_node& node);
  void process_apply(script_node& node);

  /// Delivers what is under way to the member, or drops it, if of that kind
  /// (any kind: empty). Returns how many there were.
  std::size_t deliver(std::uint64_t to, std::string_view kind, bool drop);

  /// All of this in turns until nothing is left to do among these members.
  /// False: there is no end to it.
  bool stabilize(const std::vector<std::uint64_t>& ids);

  void post(message msg, std::string content);
  void forget_local(std::uint64_t to);

private:
  void send(std::vector<message> xs);
  void offer_snapshots(script_node& node,
                       const std::vector<snapshot_wanted>& xs);
  void hand_over(script_node& node, parcel x);

  std::deque<parcel> network_;
};

} // namespace troupe::raft::script
