#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <troupe/cluster/bootstrap/messages.hpp>
#include <troupe/cluster/bootstrap/types.hpp>

namespace troupe::boot {

/// Finds a cluster and asks its members, one after the other, to be let in.
///
/// View:       cluster; held by `bootstrap`.
/// In:         what members say and answer; time as `now`.
/// Out:        answers only; `bootstrap` sends what `next_ask` returns.
/// Invariants: [INV-BOOT-5] in README.md.
/// Errors:     answers that fit nothing are said to be so.
/// Threads:    none of its own; used inside one actor, never shared.
class cluster_search {
public:
  struct ask {
    boot::address to;
    std::string request;
  };

  explicit cluster_search(const bootstrap_config& config);

  /// The address answered as a member. False: of another cluster than the
  /// first one heard, which is the one that this node enters.
  bool hear(const boot::address& at, const member_introduction& x,
            time_point now);

  /// The cluster that was heard first.
  const std::optional<cluster_id>& cluster() const { return cluster_; }

  /// A node with one of these uuids is its member.
  bool knows(const boot::uuid& x) const { return uuids_.contains(x); }

  /// The addresses of members, for introductions.
  const std::set<boot::address>& addresses() const { return addresses_; }

  /// Whom to ask now. None: nobody can forward, or an answer is awaited.
  std::optional<ask> next_ask(time_point now);

  bool asking() const { return asked_.has_value(); }

  /// An answer to this node that ends its start. None: not yet, or `ignored`.
  std::optional<std::variant<admitted, refusal>>
  on_reply(const boot::address& from, const join_reply& x, time_point now,
           std::optional<ignored_reason>& ignored);

  void on_failed(const boot::address& to);

  /// When `next_ask` is due without something new being heard.
  std::optional<time_point> wake_at(time_point now) const;

  /// For people; empty before a cluster was heard.
  std::string status() const;

private:
  struct contact {
    std::string name;
    bool can_forward = false;
    time_point heard_at{};
  };

  struct asked {
    boot::address to;
    time_point deadline{};
  };

  introduction own_;
  std::vector<std::string> roles_;
  std::map<std::string, std::string> labels_;
  std::uint32_t weight_;
  settings timing_;
  std::optional<cluster_id> cluster_;
  std::map<boot::address, contact> members_; // that answered
  std::set<boot::address> addresses_;
  std::set<boot::uuid> uuids_;
  std::optional<asked> asked_;
  bool ever_asked_ = false;
  boot::address last_asked_;
  time_point not_before_{};
  std::string word_; // of the last member that said: later
};

/// 32 lower case hexadecimal digits.
std::string to_hex(const cluster_id& x);

} // namespace troupe::boot
