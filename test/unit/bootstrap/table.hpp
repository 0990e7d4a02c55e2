#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <troupe/cluster/bootstrap/bootstrap.hpp>
#include <troupe/cluster/bootstrap/codec.hpp>
#include <troupe/cluster/bootstrap/founding_set.hpp>
#include <troupe/cluster/bootstrap/member_answer.hpp>

namespace troupe::boot::test {

inline uuid uuid_of(std::uint8_t x) {
  uuid result;
  result.bytes.fill(x);
  return result;
}

inline cluster_id cluster_of(std::uint8_t x) {
  cluster_id result;
  result.bytes.fill(x);
  return result;
}

/// Node "a" has the address "a:1" and so on.
inline bootstrap_config node(char name, std::vector<address> join,
                             std::uint32_t expect = 0) {
  bootstrap_config result;
  result.own = {uuid_of(static_cast<std::uint8_t>(name)), std::string{name},
                std::string{name} + ":1"};
  result.join = std::move(join);
  result.expect = expect;
  return result;
}

inline founder founder_of(char name) {
  return {uuid_of(static_cast<std::uint8_t>(name)), std::string{name},
          std::string{name} + ":1"};
}

inline founding_set set_of(std::uint64_t generation, std::string_view list,
                           std::string_view founders) {
  founding_set result;
  result.generation = generation;
  for (auto name : list)
    result.candidates.push_back(std::string{name} + ":1");
  for (auto name : founders)
    result.founders.push_back(founder_of(name));
  return result;
}

/// What the node says that was started so.
inline candidate says(const bootstrap_config& x,
                      std::optional<founding_set> persisted = {}) {
  candidate result;
  result.who = x.own;
  result.expect = x.expect;
  auto list = x.join;
  std::sort(list.begin(), list.end());
  if (x.expect > 0)
    result.group = id_of(founding_group{list, x.expect});
  result.persisted = std::move(persisted);
  return result;
}

/// A candidate that has heard these too.
inline candidate says(const bootstrap_config& x, std::string_view heard) {
  auto result = says(x);
  for (auto name : heard)
    result.heard.push_back(uuid_of(static_cast<std::uint8_t>(name)));
  return result;
}

inline member_introduction member_of(std::uint8_t cluster, char name,
                                     bool can_forward = true) {
  auto x = founder_of(name);
  return {cluster_of(cluster), x.uuid, x.name, x.address, can_forward, {}};
}

template <class T>
const T* find(const effects& xs) {
  for (auto& x : xs)
    if (auto* it = std::get_if<T>(&x))
      return it;
  return nullptr;
}

template <class T>
std::size_t count(const effects& xs) {
  std::size_t n = 0;
  for (auto& x : xs)
    n += std::holds_alternative<T>(x);
  return n;
}

inline std::string sentence(const effects& xs) {
  auto* x = find<progress>(xs);
  return x ? x->sentence : "";
}

inline std::uint64_t ignored_of(const bootstrap& x, ignored_reason why) {
  return x.ignored_counts()[static_cast<std::size_t>(why)];
}

/// Nodes whose messages and writes take no time. Keeps what they persisted and
/// how their starts ended.
struct table {
  std::map<address, bootstrap> nodes;
  std::map<address, std::string> disks;
  std::map<address, effect> ends;
  std::map<address, std::vector<std::string>> sentences;
  time_point now{};

  void start(const bootstrap_config& x) {
    auto& at = x.own.address;
    disk_state disk;
    if (auto i = disks.find(at); i != disks.end())
      disk.founding_set = i->second;
    nodes.erase(at);
    auto& it = nodes.emplace(at, bootstrap{x, std::move(disk)}).first->second;
    perform(at, it.start(now));
  }

  void run(std::chrono::milliseconds time) {
    for (auto end = now + time; now < end; now += std::chrono::milliseconds{10})
      for (auto& [at, it] : nodes)
        if (it.wake_at() <= now)
          perform(at, it.on(tick{}, now));
  }

  void perform(const address& at, const effects& out) {
    auto& it = nodes.at(at);
    for (auto& one : out) {
      if (auto* x = std::get_if<introduce>(&one)) {
        perform(at, exchange(it, x->to, x->request));
      } else if (auto* x = std::get_if<ask_to_join>(&one)) {
        perform(at, exchange(it, x->to, x->request));
      } else if (auto* x = std::get_if<persist_founding_set>(&one)) {
        disks[at] = x->bytes;
        perform(at, it.on(founding_set_persisted{}, now));
      } else if (auto* x = std::get_if<progress>(&one)) {
        sentences[at].push_back(x->sentence);
      } else if (!std::holds_alternative<ignored>(one)) {
        ends.insert_or_assign(at, one);
      }
    }
  }

  effects exchange(bootstrap& from, const address& to,
                   const std::string& request) {
    auto i = nodes.find(to);
    if (i == nodes.end())
      return from.on(failed{to, "connection refused"}, now);
    return from.on(replied{to, i->second.answer(request, now)}, now);
  }

  template <class T>
  const T* end(const address& at) const {
    auto i = ends.find(at);
    return i == ends.end() ? nullptr : std::get_if<T>(&i->second);
  }
};

} // namespace troupe::boot::test
