#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <test/model/move/history.hpp>
#include <test/model/move/member.hpp>
#include <test/model/move/rules.hpp>

namespace troupe::model {

inline node_id id_of(std::size_t i) {
  return node_id{i + 1};
}

/// What a node is given.
enum class input : std::uint8_t {
  accept,
  arrive_a,
  arrive_b,
  arrive_c,
  untaken,
  goodbye,
  apply,
  jump,
  start,
  work,
  end,
  hard_end,
  time,
  beat,
  echo,
  fence_overdue,
  state_overdue,
  farewell,
};

/// All nodes, frames and links that were ever seen, each once, by number: equal
/// things have equal numbers. What a node does to an input is computed once.
class catalogue {
public:
  using member_ref = std::uint32_t;
  using frame_ref = std::uint32_t;
  using facts_ref = std::uint32_t; // 0: none
  using link_ref = std::uint32_t;  // frames on their way; 0: none

  /// What a node does to one input.
  struct turn {
    member_ref next = 0;
    std::vector<std::pair<std::uint8_t, frame_ref>> sent; // to, what
    std::vector<note> notes;
    std::string broken;
  };

  /// `logs` outlives it.
  catalogue(const rules& on, const history& logs);

  member_ref keep(member&& m);
  frame_ref keep(const frame& f);

  const member& at(member_ref who) const { return members_[who]; }
  facts_ref facts_of(member_ref who) const { return facts_of_[who]; }
  const proto::Facts& facts(facts_ref x) const { return facts_[x]; }
  const frame& at_frame(frame_ref f) const { return frames_[f]; }

  link_ref push(link_ref to, frame_ref last);
  frame_ref front(link_ref of) const { return links_[of].front; }
  link_ref rest(link_ref of) const { return links_[of].rest; }

  const turn& take(member_ref who, input what, std::uint32_t with);

private:
  struct link {
    frame_ref front = 0;
    link_ref rest = 0;
  };

  facts_ref keep_facts(const proto::Facts& facts);
  turn make(member m, input what, std::uint32_t with);

  rules rules_;
  const history& logs_;
  std::deque<member> members_;
  std::vector<facts_ref> facts_of_; // by member
  std::unordered_map<digest, member_ref, digest_hash> member_numbers_;
  std::deque<frame> frames_;
  std::unordered_map<digest, frame_ref, digest_hash> frame_numbers_;
  std::vector<proto::Facts> facts_;
  std::unordered_map<std::string, facts_ref> facts_numbers_;
  std::vector<link> links_;
  std::unordered_map<std::uint64_t, link_ref> link_numbers_; // by push
  std::deque<turn> turns_;
  std::unordered_map<std::uint64_t, const turn*> turn_numbers_;
};

} // namespace troupe::model
