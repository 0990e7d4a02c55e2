#include <troupe/cluster/raft/configuration_changer.hpp>

#include <algorithm>
#include <iterator>

namespace troupe::raft {

namespace {

using ids = std::vector<member_id>;

bool sorted_set(const ids& xs) {
  return std::adjacent_find(xs.begin(), xs.end(), std::greater_equal<>{})
             == xs.end()
         && (xs.empty() || xs.front());
}

bool disjoint(const ids& a, const ids& b) {
  return std::none_of(a.begin(), a.end(),
                      [&](auto id) { return contains(b, id); });
}

ids merged(const ids& a, const ids& b) {
  ids out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(),
                 std::back_inserter(out));
  return out;
}

std::size_t difference(const ids& a, const ids& b) {
  ids out;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                std::back_inserter(out));
  return out.size();
}

void remove(configuration& conf, member_id id) {
  erase(conf.voters, id);
  erase(conf.learners, id);
  erase(conf.learners_next, id);
}

void make_voter(configuration& conf, member_id id) {
  remove(conf, id);
  insert(conf.voters, id);
}

// Who still votes in the outgoing set becomes a learner only on leaving it.
void make_learner(configuration& conf, member_id id) {
  remove(conf, id);
  insert(contains(conf.voters_outgoing, id) ? conf.learners_next
                                            : conf.learners,
         id);
}

void apply_members(configuration& conf, const configuration_change& change) {
  for (auto& one : change.changes) {
    switch (one.op) {
    case change_op::add_voter:
      make_voter(conf, one.member);
      break;
    case change_op::add_learner:
      make_learner(conf, one.member);
      break;
    case change_op::remove:
      remove(conf, one.member);
      break;
    }
  }
}

std::optional<configuration> left(configuration conf) {
  if (!conf.joint())
    return std::nullopt;
  conf.learners = merged(conf.learners, conf.learners_next);
  conf.learners_next.clear();
  conf.voters_outgoing.clear();
  conf.auto_leave = false;
  return conf;
}

} // namespace

bool contains(const ids& sorted, member_id id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

void insert(ids& sorted, member_id id) {
  auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
  if (at == sorted.end() || *at != id)
    sorted.insert(at, id);
}

void erase(ids& sorted, member_id id) {
  auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
  if (at != sorted.end() && *at == id)
    sorted.erase(at);
}

bool is_sound(const configuration& conf) {
  if (!sorted_set(conf.voters) || !sorted_set(conf.voters_outgoing)
      || !sorted_set(conf.learners) || !sorted_set(conf.learners_next))
    return false;
  if (!disjoint(conf.learners, conf.voters)
      || !disjoint(conf.learners, conf.voters_outgoing)
      || !disjoint(conf.learners_next, conf.voters))
    return false;
  if (!conf.joint())
    return conf.learners_next.empty() && !conf.auto_leave;
  return !conf.voters.empty()
         && std::all_of(
             conf.learners_next.begin(), conf.learners_next.end(),
             [&](auto id) { return contains(conf.voters_outgoing, id); });
}

bool is_voter(const configuration& conf, member_id id) {
  return contains(conf.voters, id) || contains(conf.voters_outgoing, id);
}

bool is_member(const configuration& conf, member_id id) {
  return is_voter(conf, id) || contains(conf.learners, id);
}

ids all_voters(const configuration& conf) {
  return merged(conf.voters, conf.voters_outgoing);
}

ids all_members(const configuration& conf) {
  return merged(all_voters(conf), conf.learners);
}

bool enters_joint(const configuration_change& change) {
  return change.how != transition::automatic || change.changes.size() > 1;
}

std::optional<configuration> changed(const configuration& conf,
                                     const configuration_change& change) {
  if (change.changes.empty())
    return left(conf);
  if (conf.joint())
    return std::nullopt;
  auto next = conf;
  if (enters_joint(change)) {
    if (conf.voters.empty())
      return std::nullopt;
    next.voters_outgoing = conf.voters;
    next.auto_leave = change.how != transition::explicit_joint;
  }
  apply_members(next, change);
  if (next.voters.empty())
    return std::nullopt;
  if (!next.joint() && difference(conf.voters, next.voters) > 1)
    return std::nullopt;
  return next;
}

} // namespace troupe::raft
