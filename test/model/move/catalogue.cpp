#include "catalogue.hpp"

namespace troupe::model {

catalogue::catalogue(const rules& on, const history& logs)
    : rules_(on), logs_(logs) {
  links_.push_back({});
  facts_.push_back({});
  facts_numbers_[""] = 0;
}

auto catalogue::keep(member&& m) -> member_ref {
  auto [i, fresh] = member_numbers_.insert(
      {m.digest_of(), static_cast<member_ref>(members_.size())});
  if (fresh) {
    facts_of_.push_back(keep_facts(m.host().facts()));
    members_.push_back(std::move(m));
  }
  return i->second;
}

auto catalogue::keep(const frame& f) -> frame_ref {
  auto [i, fresh] = frame_numbers_.insert(
      {digest_of(f), static_cast<frame_ref>(frames_.size())});
  if (fresh)
    frames_.push_back(f);
  return i->second;
}

auto catalogue::keep_facts(const proto::Facts& facts) -> facts_ref {
  auto [i, fresh] = facts_numbers_.insert(
      {facts.SerializeAsString(), static_cast<facts_ref>(facts_.size())});
  if (fresh)
    facts_.push_back(facts);
  return i->second;
}

// The rest of a link is known when it is made: it is shorter by one.
auto catalogue::push(link_ref to, frame_ref last) -> link_ref {
  auto key = static_cast<std::uint64_t>(to) << 32 | last;
  if (auto i = link_numbers_.find(key); i != link_numbers_.end())
    return i->second;
  link made = to == 0 ? link{last, 0} : link{front(to), push(rest(to), last)};
  links_.push_back(made);
  return link_numbers_[key] = static_cast<link_ref>(links_.size() - 1);
}

auto catalogue::take(member_ref who, input what, std::uint32_t with)
    -> const turn& {
  auto key = static_cast<std::uint64_t>(who) << 36
             | static_cast<std::uint64_t>(what) << 30 | with;
  auto& known = turn_numbers_[key];
  if (!known) {
    turns_.push_back(make(members_[who], what, with));
    known = &turns_.back();
  }
  return *known;
}

auto catalogue::make(member m, input what, std::uint32_t with) -> turn {
  outputs out;
  switch (what) {
  case input::accept:
    m.accept(rules_, out);
    break;
  case input::arrive_a:
  case input::arrive_b:
  case input::arrive_c:
    m.arrive(rules_, out,
             id_of(static_cast<std::size_t>(what)
                   - static_cast<std::size_t>(input::arrive_a)),
             frames_[with]);
    break;
  case input::untaken:
    m.came_back(rules_, out, frames_[with]);
    break;
  case input::goodbye:
    m.peer_left(rules_, out, id_of(with));
    break;
  case input::apply:
    m.apply(rules_, out, logs_, with);
    break;
  case input::jump:
    m.jump(rules_, out, logs_, with);
    break;
  case input::start:
    m.start(rules_, out);
    break;
  case input::work:
    m.work(rules_, out);
    break;
  case input::end:
    m.end(rules_, out, false);
    break;
  case input::hard_end:
    m.end(rules_, out, true);
    break;
  case input::time:
    m.time_passes();
    break;
  case input::beat:
    m.beats();
    break;
  case input::echo:
    (void)m.echoed(log_index{with}, rules_);
    break;
  case input::fence_overdue:
    m.fence_overdue(rules_, out);
    break;
  case input::state_overdue:
    m.state_overdue(rules_, out);
    break;
  case input::farewell:
    m.farewell_over(rules_, out);
    break;
  }
  turn done;
  for (auto& [to, f] : out.frames)
    done.sent.emplace_back(static_cast<std::uint8_t>(to.value - 1), keep(f));
  done.notes = std::move(out.notes);
  done.broken = std::move(out.broken);
  done.next = keep(std::move(m));
  return done;
}

} // namespace troupe::model
