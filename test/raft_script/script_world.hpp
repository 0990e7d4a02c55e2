#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <raft_script/script_node.hpp>

namespace troupe::raft::script {

/// How a script shows the changes that the core does not keep in the script's
/// form: the older of etcd's two forms, and updates of members.
using shown_changes = std::map<std::pair<raft::term, log_index>, std::string>;

/// The members, numbered from 1, and what is under way between them.
class script_world {
public:
  std::vector<std::unique_ptr<script_node>> nodes;
  shown_changes shown;

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

  /// As the leader does: what does not fit becomes an empty entry.
  answer place_change(script_node& leader, const configuration_change& change,
                      const std::string& shown_as);

  /// With the next output of the member, to who leads, if it follows one.
  void pass_on(script_node& node, parcel x);

  void post(message msg, std::string content);
  void forget_local(std::uint64_t to);

private:
  void answer_read(script_node& leader, member_id to, std::uint64_t id);
  void send(script_node& node, message x);
  void hand_over(script_node& node, parcel x);

  std::deque<parcel> network_;
};

} // namespace troupe::raft::script
