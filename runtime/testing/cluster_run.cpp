// Virtual time: what happens next, and until when.
#include <algorithm>
#include <stdexcept>

#include <troupe/runtime/testing/cluster_impl.hpp>

namespace troupe::testing {

// So many messages at one instant are a loop without time in it.
static constexpr std::size_t steps_at_once_max = 5'000'000;

void cluster::impl::note(std::uint64_t x) {
  trace_ = (trace_ ^ x) * 0x100000001b3;
  trace_ ^= trace_ >> 29;
}

// One thing happens, at `until` at the latest. False: nothing is left to
// happen by then.
bool cluster::impl::step(boot_time until) {
  if (running_)
    throw std::logic_error{"a simulated cluster was told to run by an actor or "
                           "a condition of its own; only the test itself may"};
  struct scope {
    bool& flag;
    explicit scope(bool& x) : flag(x) { flag = true; }
    ~scope() { flag = false; }
  } guard{running_};
  std::size_t ready = 0;
  for (auto& m : machines_)
    if (m->running)
      ready += m->running->ready();
  if (ready > 0) {
    auto which = time_.below(ready);
    for (auto& m : machines_) {
      if (!m->running)
        continue;
      auto here = m->running->ready();
      if (which < here) {
        note(static_cast<std::uint64_t>(time_.now().count()));
        note(m->id.value << 32 | m->running->run_one(which));
        return true;
      }
      which -= here;
    }
  }
  // Nobody has anything to do: time goes on.
  auto next = boot_time::max();
  if (!time_.empty())
    next = time_.next_at();
  bool timeout = false;
  for (auto& m : machines_)
    if (m->running)
      if (auto at = m->running->next_timeout(); at && *at < next) {
        next = *at;
        timeout = true;
      }
  if (next > until) {
    time_.advance_to(until);
    for (auto& m : machines_)
      if (m->running)
        m->running->set_time(time_.now());
    return false;
  }
  time_.advance_to(next);
  for (auto& m : machines_)
    if (m->running)
      m->running->set_time(time_.now());
  if (!timeout)
    time_.step();
  return true;
}

bool cluster::impl::run_while(const std::function<bool()>& goes_on,
                              boot_time limit) {
  auto until = time_.now() + limit;
  auto instant = time_.now();
  std::size_t steps = 0;
  while (goes_on()) {
    if (!step(until))
      return !goes_on();
    if (time_.now() != std::exchange(instant, time_.now()))
      steps = 0;
    else if (++steps > steps_at_once_max)
      throw timed_out{"actors send each other messages without end, and no "
                      "time passes\n"
                      + picture()};
  }
  return true;
}

void cluster::impl::run_for(boot_time span) {
  run_while([] { return true; }, span);
}

void cluster::impl::run_until(const std::function<bool()>& comes_true,
                              boot_time limit, const std::string& what) {
  if (limit <= boot_time{0})
    limit = options_.patience;
  if (!run_while([&] { return !comes_true(); }, limit))
    throw timed_out{what + " within " + to_text(limit) + "\n" + picture()};
}

// -- rest ---------------------------------------------------------------------

std::string cluster::impl::unrest_of(process& who, process& lead) {
  auto& core = who.core();
  auto name = core.config().name;
  if (core.leadership().leader != lead.core().config().self)
    return name + " does not follow the leader";
  if (core.map().version() != lead.core().map().version())
    return name + " has not the newest map";
  if (!core.joined())
    return name + " is not up in the map";
  if (core.lease_end() <= time_.now())
    return name + " has no lease";
  auto facts = core.host().facts();
  if (facts.confirmed_size() + facts.started_size() + facts.failed_size() > 0)
    return name + " has something to tell the leader";
  if (who.plane().counters().held > 0)
    return name + " holds messages";
  return {};
}

std::string cluster::impl::unrest_of_regions(process& lead) {
  auto& map = lead.core().map();
  for (auto& [name, ours] : regions_) {
    auto* region = map.region(name);
    if (!region)
      return "region " + name + " is not in the map";
    for (auto& m : machines_)
      if (m->running && !cut_off(*m->running, lead)
          && !std::binary_search(region->hosts.begin(), region->hosts.end(),
                                 m->id))
        return m->name + " does not host " + name + " yet";
    for (partition_id p = 0; p < region->partitions.size(); ++p) {
      auto& a = region->partitions[p];
      auto text = "partition " + std::to_string(p) + " of " + name + " ";
      if (a.stage != stage::running && !a.quarantined)
        return text + "is " + std::string{to_string(a.stage)};
      auto* owner = map.node(a.owner);
      if (!a.quarantined && (!owner || owner->liveness != liveness::up))
        return text + "is on a node that is not up";
    }
  }
  for (auto& [id, node] : map.nodes()) {
    auto i = index_of(id);
    if (node.liveness == liveness::up && i < machines_.size()
        && !machines_[i]->running)
      return node.name + " does not run, which the map does not say yet";
  }
  return {};
}

std::string cluster::impl::unrest() {
  auto* lead = leader();
  if (!lead)
    return "there is no leader";
  for (auto& m : machines_)
    if (m->running && !m->running->paused() && !cut_off(*m->running, *lead))
      if (auto text = unrest_of(*m->running, *lead); !text.empty())
        return text;
  return unrest_of_regions(*lead);
}

void cluster::impl::settle() {
  auto until = time_.now() + options_.patience;
  std::string why;
  auto calm = [&] {
    why = unrest();
    return why.empty();
  };
  auto left = [&] { return std::max(until - time_.now(), boot_time{1}); };
  auto run_until_calm = [&] {
    // Looking is dear: once for each instant.
    boot_time looked_at{-1};
    auto goes_on = [&] {
      return std::exchange(looked_at, time_.now()) == time_.now() || !calm();
    };
    if (!run_while(goes_on, left()) && !calm())
      throw timed_out{"the cluster did not settle within "
                      + to_text(options_.patience) + ": " + why + "\n"
                      + picture()};
  };
  auto busy = [&] {
    return std::any_of(machines_.begin(), machines_.end(), [](auto& m) {
      return m->running
             && (m->running->ready() > 0 || m->running->links().outgoing() > 0);
    });
  };
  constexpr auto moment = std::chrono::milliseconds{20};
  for (;;) {
    run_until_calm();
    proto::CommandRequest what;
    what.mutable_plan();
    auto* lead = leader();
    auto plan = command(*lead, std::move(what), left());
    if (plan.code() != 0 || !plan.waiting_for().empty() || !calm()) {
      if (time_.now() >= until)
        throw timed_out{"the cluster did not settle within "
                        + to_text(options_.patience) + ": a plan waits for "
                        + plan.waiting_for() + "\n" + picture()};
      run_for(moment);
      continue;
    }
    // What could be balanced and is not begun by then nobody begins.
    if (!plan.moves().empty())
      run_for(moment);
    // Whoever never stops sending is not waited for.
    run_while([&] { return !calm() || busy(); }, moment * 10);
    if (!calm())
      continue;
    for (auto& m : machines_)
      if (m->running)
        (void)books(*m->running); // they add up
    return;
  }
}

} // namespace troupe::testing
