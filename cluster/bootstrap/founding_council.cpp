#include <troupe/cluster/bootstrap/founding_council.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/assert.hpp>

namespace troupe::boot {

namespace {

std::string join(const std::vector<std::string>& xs) {
  std::string result;
  for (auto& x : xs)
    result += (result.empty() ? "" : ", ") + x;
  return result;
}

bool contains(const std::vector<founder>& xs, const founder& x) {
  return std::find(xs.begin(), xs.end(), x) != xs.end();
}

bool contains_all(const std::vector<founder>& xs,
                  const std::vector<founder>& some) {
  return std::all_of(some.begin(), some.end(),
                     [&](auto& x) { return contains(xs, x); });
}

} // namespace

bool compatible(const introduction& a, const introduction& b) {
  return a.protocol_min <= b.protocol_max && b.protocol_min <= a.protocol_max;
}

founding_council::founding_council(introduction own, founding_group group,
                                   settings timing)
    : own_(std::move(own)),
      group_(std::move(group)),
      group_id_(id_of(group_)),
      timing_(timing),
      votes_(group_) {
  TROUPE_ASSERT(group_.contains(own_.address), "{} is not in its own list",
                own_.address);
}

bool founding_council::hear(const candidate& x, time_point now) {
  if (!group_.contains(x.who.address))
    return true;
  if (x.who.uuid == own_.uuid || x.who.address == own_.address)
    return false;
  if (x.persisted
      && (id_of(x.persisted->group()) != x.group
          || !x.persisted->contains(x.who.uuid, x.who.address)))
    return false;
  if (of_group(x) && x.persisted
      && !votes_.add(x.who.uuid, x.who.address, *x.persisted))
    return false;
  peers_[x.who.address] = {x, now};
  return true;
}

void founding_council::persisted(founding_set set) {
  auto added = votes_.add(own_.uuid, own_.address, set);
  TROUPE_ASSERT(added, "voted twice in generation {}", set.generation);
  own_set_ = std::move(set);
}

candidate founding_council::speak(time_point now) const {
  candidate result{own_, group_.expect, group_id_, {}, own_set_};
  for (auto& one : eligible(now))
    result.heard.push_back(one.uuid);
  return result;
}

std::optional<founding_set> founding_council::next_vote(time_point now) const {
  auto generation = votes_.open_generation();
  if ((own_set_ && own_set_->generation >= generation)
      || generation > generations_max || at_odds(now))
    return std::nullopt;
  auto all = eligible(now);
  auto alive = votes_.alive(generation);
  std::erase_if(alive,
                [&](auto& set) { return !contains_all(all, set.founders); });
  if (!alive.empty()) {
    // Others have begun: with them, or not at all as long as they may win.
    auto mine = std::find_if(alive.begin(), alive.end(), [&](auto& set) {
      return set.contains(own_.uuid, own_.address);
    });
    return mine == alive.end() ? std::nullopt : std::optional{*mine};
  }
  if (all.size() < group_.expect)
    return std::nullopt;
  all.resize(group_.expect);
  founding_set set{generation, group_.candidates, std::move(all)};
  if (!set.contains(own_.uuid, own_.address) || !heard_each_other(set.founders))
    return std::nullopt;
  return set;
}

bool founding_council::complete() const {
  return own_set_ && votes_.complete(*own_set_);
}

bool founding_council::own_set_dead() const {
  return own_set_ && votes_.dead(*own_set_);
}

bool founding_council::present(const peer& x, time_point now) const {
  return now - x.heard_at <= timing_.heard_for;
}

bool founding_council::of_group(const candidate& x) const {
  return x.expect == group_.expect && x.group == group_id_;
}

std::vector<founder> founding_council::eligible(time_point now) const {
  std::vector<founder> result{{own_.uuid, own_.name, own_.address}};
  for (auto& [at, one] : peers_)
    if (present(one, now) && of_group(one.said)
        && compatible(own_, one.said.who))
      result.push_back({one.said.who.uuid, one.said.who.name, at});
  // Of two with one name or uuid neither counts, except this node: it would
  // have ended if it were at fault.
  auto all = result;
  std::erase_if(result, [&](auto& x) {
    return x.uuid != own_.uuid
           && std::any_of(all.begin(), all.end(), [&](auto& y) {
                return x.address != y.address
                       && (x.name == y.name || x.uuid == y.uuid);
              });
  });
  sort_by_rank(result);
  return result;
}

bool founding_council::at_odds(time_point now) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](auto& row) {
    auto& one = row.second;
    return present(one, now) && one.said.expect != 0 && !of_group(one.said);
  });
}

bool founding_council::heard_each_other(
    const std::vector<founder>& founders) const {
  return std::all_of(founders.begin(), founders.end(), [&](auto& one) {
    if (one.uuid == own_.uuid)
      return true;
    auto& heard = peers_.at(one.address).said.heard;
    return std::all_of(founders.begin(), founders.end(), [&](auto& other) {
      return std::find(heard.begin(), heard.end(), other.uuid) != heard.end();
    });
  });
}

std::string founding_council::why_not_counted(const peer& x) const {
  auto& said = x.said;
  if (said.expect == 0)
    return "was started without expect, or with a join list that lacks its own "
           "address";
  if (!of_group(said))
    return "was started with another join list or expect: give all founders "
           "the same";
  if (!compatible(own_, said.who))
    return "speaks another protocol version";
  return "has a name or uuid that another founder has too: stop one of them";
}

std::string founding_council::remarks(time_point now) const {
  std::string result;
  auto counted = eligible(now);
  for (auto& [at, one] : peers_) {
    founder who{one.said.who.uuid, one.said.who.name, at};
    if (present(one, now) && !contains(counted, who))
      result += "; " + at + " " + why_not_counted(one);
    else if (own_set_ && present(one, now)
             && std::any_of(own_set_->founders.begin(),
                            own_set_->founders.end(), [&, &at = at](auto& x) {
                              return x.address == at && x.uuid != who.uuid;
                            }))
      result += "; " + at
                + " has started over with an empty disk: clear the data "
                  "directories of all founders and start them again";
  }
  return result;
}

std::string founding_council::status(time_point now) const {
  auto expect = std::to_string(group_.expect);
  if (own_set_) {
    std::vector<std::string> missing;
    for (auto& one : votes_.missing(*own_set_))
      missing.push_back(one.address);
    return std::to_string(group_.expect - missing.size()) + " of " + expect
           + " founders have persisted the founding set: waiting for "
           + join(missing) + remarks(now);
  }
  auto all = eligible(now);
  std::vector<std::string> missing;
  for (auto& at : group_.candidates)
    if (std::none_of(all.begin(), all.end(),
                     [&](auto& x) { return x.address == at; }))
      missing.push_back(at);
  if (all.size() >= group_.expect)
    return "all " + expect + " founders heard: agreeing on the founding set"
           + remarks(now);
  auto more = group_.expect - all.size();
  auto some = more < missing.size() ? std::to_string(more) + " of " : "";
  return std::to_string(all.size()) + " of " + expect
         + " founders heard: waiting for " + some + join(missing)
         + remarks(now);
}

} // namespace troupe::boot
