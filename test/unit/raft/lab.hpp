#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim_member.hpp"

namespace troupe::raft::sim {

configuration voters_of(std::vector<std::uint64_t> ids);
payload bytes(std::string text);

/// A few cores whose disks and applications are done at once. Messages wait
/// until the test lets them through.
class lab {
public:
  /// Members 1 to `count`, all of them voters, with this entry as their past:
  /// index 1 of term 1.
  explicit lab(std::size_t count, settings cfg = {});

  core& operator[](std::uint64_t id) { return *rows_.at(id).raft; }
  view see(std::uint64_t id) { return (*this)[id].inspect(); }

  /// An empty member more, in nobody's configuration.
  void add(std::uint64_t id);

  /// Carries out what is due at the member; its messages wait.
  void work(std::uint64_t id);

  /// Lets everything through until nothing is left to do.
  void settle();

  void tick(std::uint64_t id, std::size_t count = 1);

  /// Campaigns and settles; the test goes on with this leader.
  void elect(std::uint64_t id);

  /// From now on nothing passes between the member and the others.
  void cut(std::uint64_t id) { cut_[id] = true; }
  void join(std::uint64_t id) { cut_[id] = false; }

  /// A crash, then a start from the disk.
  void restart(std::uint64_t id);

  /// Messages that wait, and how to take them out.
  std::vector<message> waiting;
  std::vector<message> take_from(std::uint64_t id);

  // What the members have said.
  std::map<std::uint64_t, std::vector<leadership>> leaderships;
  std::map<std::uint64_t, std::vector<read_answer>> reads;
  std::map<std::uint64_t, std::vector<proposal_answer>> proposals;
  std::map<std::uint64_t, std::vector<std::uint64_t>> rounds;
  std::map<std::uint64_t, std::vector<std::string>> commands; // applied
  std::map<std::uint64_t, std::vector<snapshot_wanted>> wanted;

  /// The settings of a member that is yet to start, or to start again.
  settings& cfg(std::uint64_t id) { return rows_.at(id).cfg; }
  sim::disk& disk(std::uint64_t id) { return rows_.at(id).disk; }

private:
  void apply(std::uint64_t id, const entry& e);

  settings template_;
  std::map<std::uint64_t, sim_member> rows_;
  std::map<std::uint64_t, bool> cut_;
};

/// A message as if from one to the other.
template <class T>
message made(std::uint64_t from, std::uint64_t to, std::uint64_t t, T body) {
  return {member_id{from}, member_id{to}, term{t}, std::move(body)};
}

template <class T>
std::size_t count_of(const std::vector<message>& xs) {
  std::size_t out = 0;
  for (auto& x : xs)
    out += std::holds_alternative<T>(x.body);
  return out;
}

template <class T>
T first_of(const std::vector<message>& xs) {
  for (auto& x : xs)
    if (auto* body = std::get_if<T>(&x.body))
      return *body;
  throw std::logic_error("no such message");
}

} // namespace troupe::raft::sim
