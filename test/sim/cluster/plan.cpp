#include "plan.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace troupe::sim {

using namespace std::chrono_literals;

plan draw_plan(std::uint64_t seed, bool strict, boot_time length) {
  chance luck{seed * 2 + strict};
  plan out;
  out.seed = seed;
  out.strict = strict;
  out.nodes = 3 + static_cast<unsigned>(luck.below(5));
  out.partitions.push_back(1 + static_cast<std::uint32_t>(luck.below(16)));
  if (luck.one_in(2))
    out.partitions.push_back(1 + static_cast<std::uint32_t>(luck.below(6)));
  out.length = luck.between(3s, 8s);
  out.send_every = luck.between(300us, 4ms);
  out.senders = 1 + static_cast<unsigned>(luck.below(3));
  if (!strict && luck.one_in(2))
    out.patience = luck.between(200ms, 3s);
  if (!strict && luck.one_in(4))
    out.hold_max = 8;
  // Half of what the margin allows for: 2 x error x lease.
  if (luck.one_in(3))
    out.clock_error_ppm = 40'000;
  if (!strict) {
    out.keep_running = luck.one_in(8);
    out.overrun = static_cast<overrun_policy>(luck.below(3));
  }
  std::vector<deed> kinds{
      deed::move,      deed::move,           deed::move,    deed::rebalance,
      deed::join,      deed::leave,          deed::restart, deed::slow_handlers,
      deed::wall_jump, deed::drain_and_back, deed::garbage, deed::rolling};
  if (!strict)
    kinds.insert(kinds.end(),
                 {deed::crash, deed::crash, deed::pause, deed::pause,
                  deed::isolate, deed::cut, deed::rain, deed::slow_disk,
                  deed::failing_starts, deed::crash, deed::isolate, deed::deaf,
                  deed::dying_actors, deed::hanging_handler, deed::wipe,
                  deed::full_disk, deed::flap, deed::flap});
  // Each run has its own mixture: a few kinds, often.
  std::vector<deed> mine;
  for (auto n = 2 + luck.below(5); n > 0; --n)
    mine.push_back(kinds[luck.below(kinds.size())]);
  auto deeds = 3 + luck.below(strict ? 12 : 18);
  if (length > boot_time{0}) {
    deeds = deeds * static_cast<std::uint64_t>(length / out.length);
    out.nodes = 5;
    out.length = length;
  }
  for (auto n = deeds; n > 0; --n) {
    planned_deed one;
    one.at = luck.between(1s, out.length);
    one.what = mine[luck.below(mine.size())];
    one.who = luck.next();
    one.whom = luck.next();
    one.span = luck.one_in(3) ? luck.between(20ms, 300ms)
                              : luck.between(100ms, 2500ms);
    out.deeds.push_back(one);
  }
  std::stable_sort(out.deeds.begin(), out.deeds.end(),
                   [](auto& a, auto& b) { return a.at < b.at; });
  return out;
}

namespace {

/// Carries a plan out.
class performer {
public:
  explicit performer(const plan& what)
      : plan_(what), world_(options_of(what)) {}

  outcome run() {
    for (std::size_t i = 0; i < plan_.partitions.size(); ++i) {
      region_settings r;
      r.name = std::string(1, static_cast<char>('a' + i));
      r.partitions = plan_.partitions[i];
      r.keep_running = plan_.keep_running;
      r.overrun = plan_.overrun;
      world_.add_region(r);
    }
    for (auto* node : world_.nodes())
      node->start();
    for (auto& d : plan_.deeds)
      world_.time().at(d.at, [this, &d] { perform(d); });
    world_.time().after(500ms, [this] { send_one(); });
    world_.run_for(plan_.length + 500ms);
    sending_ = false;
    world_.stop_faults();
    // What was moved by hand stays where it is, and what failed somewhere too,
    // until somebody asks for balance.
    world_.time().after(5s, [this] { balance(); });
    bool calm = world_.run_until_calm(40s);
    outcome out;
    if (calm)
      world_.reg().check_accounts();
    out.broken = world_.reg().broken();
    if (out.broken.empty() && !calm)
      out.broken = "no calm: " + world_.unrest();
    if (!out.broken.empty())
      out.broken += last_events();
    out.trace = world_.trace();
    out.count = world_.reg().count();
    return out;
  }

private:
  static world_options options_of(const plan& what) {
    world_options out;
    out.seed = what.seed * 4 + 1 + what.strict;
    out.nodes = what.nodes;
    out.strict = what.strict;
    out.clock_error_ppm = what.clock_error_ppm;
    out.settings = quick_settings();
    out.settings.hold_messages_max = what.hold_max;
    if (what.seed % 3 == 0) { // partitions in pieces, as if there were many
      out.settings.entry_partitions_max = 3;
      out.settings.starts_max = 4;
      out.settings.moves_max = 2;
    }
    if (!what.strict) {
      out.settings.held_message = 2s;
      out.settings.fence_deadline = 800ms;
    }
    return out;
  }

  std::string last_events() {
    std::ostringstream out;
    auto& events = world_.events();
    auto i = events.size() > 40 ? std::prev(events.end(), 40) : events.begin();
    out << "\nat "
        << std::chrono::duration_cast<std::chrono::milliseconds>(
               world_.time().now())
               .count()
        << " ms, after\n";
    for (; i != events.end(); ++i) {
      auto& e = i->second;
      out << "  " << e.seq() << ' ' << proto::EventKind_Name(e.kind()) << ' '
          << e.node_name() << ' ' << e.region();
      if (e.has_partition())
        out << ' ' << e.partition() << " epoch " << e.epoch();
      out << ' ' << e.to_name() << ' ' << e.cause() << ' ' << e.text() << '\n';
    }
    return out.str();
  }

  void balance() {
    world_.command(rebalance_request(), [this](const proto::CommandReply& x) {
      if (x.code() != 0)
        world_.time().after(200ms, [this] { balance(); });
    });
  }

  static proto::CommandRequest rebalance_request() {
    proto::CommandRequest out;
    out.mutable_plan()->set_apply(true);
    return out;
  }

  sim_node* pick(std::uint64_t drawn) {
    std::vector<sim_node*> fit;
    for (auto* n : world_.nodes())
      if (n->accepts())
        fit.push_back(n);
    return fit.empty() ? nullptr : fit[drawn % fit.size()];
  }

  void send_one() {
    if (!sending_)
      return;
    if (auto* node = pick(world_.luck().next())) {
      auto& map = node->core().map();
      if (!map.regions().empty()) {
        auto r = world_.luck().below(map.regions().size());
        auto& region =
            *std::next(map.regions().begin(), static_cast<std::ptrdiff_t>(r));
        auto p = static_cast<partition_id>(
            world_.luck().below(region.second.partitions.size()));
        auto sender =
            static_cast<std::uint32_t>(world_.luck().below(plan_.senders));
        node->send(sender, {region.first, p}, plan_.patience);
      }
    }
    world_.time().after(
        world_.luck().between(plan_.send_every / 2, plan_.send_every * 3 / 2),
        [this] { send_one(); });
  }

  void perform(const planned_deed& d) {
    auto* node = pick(d.who);
    if (!node || !sending_)
      return;
    auto id = node->id();
    auto later = [&](auto f) { world_.time().after(d.span, std::move(f)); };
    switch (d.what) {
    case deed::move: {
      auto r = d.whom % plan_.partitions.size();
      world_.move(std::string(1, static_cast<char>('a' + r)),
                  static_cast<partition_id>(d.whom / 8 % plan_.partitions[r]),
                  node->name());
      break;
    }
    case deed::rebalance:
      world_.rebalance();
      break;
    case deed::join:
      if (world_.nodes().size() < 9)
        world_.join("j" + std::to_string(d.whom));
      break;
    case deed::leave:
      if (count_staying() > 3 && (!plan_.strict || !somebody_goes()))
        node->leave();
      break;
    case deed::restart:
      if (!plan_.strict || !somebody_goes())
        node->announce_restart(d.span);
      break;
    case deed::crash:
      node->crash();
      later([this, id] { world_.node(id.value).start(); });
      break;
    case deed::pause:
      node->pause();
      later([this, id] { world_.node(id.value).resume(); });
      break;
    case deed::isolate:
      world_.isolate(id);
      later([this, id] {
        for (auto* other : world_.nodes()) {
          world_.net().heal(id, other->id());
          world_.net().heal(other->id(), id);
        }
      });
      break;
    case deed::cut:
      if (auto* other = pick(d.whom); other && other != node) {
        auto to = other->id();
        world_.net().cut(id, to);
        later([this, id, to] { world_.net().heal(id, to); });
      }
      break;
    case deed::rain:
      world_.net().conditions().control_loss =
          static_cast<std::uint32_t>(d.whom % 400);
      world_.net().conditions().control_twice =
          static_cast<std::uint32_t>(d.whom / 512 % 300);
      world_.net().conditions().delay_max =
          std::chrono::milliseconds{1 + d.whom % 60};
      later([this] { world_.net().conditions() = {}; });
      break;
    case deed::slow_disk:
      node->disk().slowness() = std::chrono::milliseconds{1 + d.whom % 40};
      later([this, id] { world_.node(id.value).disk().slowness() = 800us; });
      break;
    case deed::slow_handlers:
      node->slow_handlers(world_.settings().handler_budget);
      later([this, id] { world_.node(id.value).slow_handlers(2ms); });
      break;
    case deed::wall_jump:
      node->clock().wall_ms += d.whom % 2 ? 300'000 : -300'000;
      break;
    case deed::failing_starts:
      node->fail_starts(static_cast<unsigned>(d.whom % 3));
      world_.expect_uneven();
      break;
    case deed::drain_and_back:
      world_.set_intent(id, proto::INTENT_DRAIN);
      later([this, id] { world_.set_intent(id, proto::INTENT_UNSPECIFIED); });
      break;
    case deed::deaf:
      world_.net().lose_if([id](node_id, node_id to, frame_kind kind) {
        return to == id && kind == frame_kind::raft;
      });
      later([this] { world_.net().lose_if({}); });
      break;
    case deed::dying_actors:
      node->let_actors_die(static_cast<std::uint32_t>(d.whom % 200));
      later([this, id] { world_.node(id.value).let_actors_die(0); });
      break;
    case deed::hanging_handler:
      node->hang({region_id{1},
                  static_cast<partition_id>(d.whom % plan_.partitions.front())},
                 d.span);
      break;
    case deed::garbage:
      for (auto* other : world_.nodes())
        if (other->alive() && other != node)
          for (std::uint8_t kind = 1; kind < 24; ++kind)
            other->garbage_arrived(id, static_cast<frame_kind>(kind));
      break;
    case deed::wipe:
      // Once a run: what a majority of voters lost is lost for good.
      if (count_in() >= 3 && all_voters_serve() && !wiped_) {
        wiped_ = true;
        node->retire();
        later([this, name = node->name()] { world_.join(name); });
      }
      break;
    case deed::full_disk:
      node->disk().fill();
      later([this, id] {
        world_.node(id.value).disk().make_room();
        world_.node(id.value).start();
      });
      break;
    case deed::flap:
      if (auto* other = pick(d.whom); other && other != node)
        flap(id, other->id(), d.whom % 2 == 0, world_.time().now() + d.span);
      break;
    case deed::rolling:
      if (!plan_.strict || !somebody_goes())
        restart_next(id, {});
      break;
    }
  }

  void flap(node_id a, node_id b, bool both_ways, boot_time end) {
    auto cut = !world_.net().reachable(a, b);
    bool over = !sending_ || world_.time().now() >= end;
    if (over && !cut)
      return;
    auto turn = [&](node_id from, node_id to) {
      if (cut)
        world_.net().heal(from, to);
      else
        world_.net().cut(from, to);
    };
    turn(a, b);
    if (both_ways)
      turn(b, a);
    world_.time().after(world_.luck().between(20ms, 300ms),
                        [=, this] { flap(a, b, both_ways, end); });
  }

  // Each after the last one is back.
  void restart_next(node_id id, std::set<node_id> done) {
    if (!sending_)
      return;
    if (!somebody_goes()) {
      if (!done.insert(id).second)
        return;
      world_.node(id.value).announce_restart(300ms);
      for (auto* n : world_.nodes())
        if (!n->left() && done.count(n->id()) == 0)
          id = n->id();
    }
    world_.time().after(100ms, [=, this] { restart_next(id, done); });
  }

  std::size_t count_staying() {
    auto nodes = world_.nodes();
    return static_cast<std::size_t>(
        std::count_if(nodes.begin(), nodes.end(), [](auto* n) {
          return !n->left() && !n->busy_leaving();
        }));
  }

  std::size_t count_in() {
    std::size_t n = 0;
    for (auto* node : world_.nodes())
      n += !node->left();
    return n;
  }

  // As everybody knows them: a change that its leader alone knows to hold goes
  // with it.
  bool all_voters_serve() {
    if (!world_.leader())
      return false;
    auto serves = [&](node_id id) { return world_.node(id.value).accepts(); };
    for (auto* node : world_.nodes()) {
      if (!node->alive())
        continue;
      auto& members = node->core().members();
      if (members.joint() || members.voters.size() < 3
          || !std::all_of(members.voters.begin(), members.voters.end(), serves))
        return false;
    }
    return true;
  }

  bool somebody_goes() {
    for (auto* node : world_.nodes())
      if (!node->left() && (!node->alive() || node->busy_leaving()))
        return true;
    return false;
  }

  const plan& plan_;
  world world_;
  bool sending_ = true;
  bool wiped_ = false;
};

} // namespace

outcome perform(const plan& what) {
  return performer{what}.run();
}

} // namespace troupe::sim
