#include <raft_script/script_runner.hpp>

#include <algorithm>
#include <istream>
#include <limits>
#include <map>
#include <ostream>

#include <troupe/cluster/raft/configuration_changer.hpp>

namespace troupe::raft::script {

namespace {

const std::string no_node = "no such node: add it first";

bool is_true(const std::optional<std::string>& x) {
  return x == "true";
}

// Limits are off unless asked for, and each proposal is sent at once.
settings script_settings() {
  settings out;
  out.election_ticks = 3;
  out.heartbeat_ticks = 1;
  out.pre_vote = false;
  out.check_quorum = false;
  out.step_down_on_removal = false;
  out.batch_appends = false;
  out.as_etcd = true;
  out.append_bytes_max = std::numeric_limits<std::size_t>::max();
  out.inflight_max = std::numeric_limits<std::size_t>::max();
  out.inflight_bytes_max = 0;
  out.uncommitted_bytes_max = 0;
  out.log_tail = 0;
  return out;
}

bool set_size(const directive& x, std::string_view key, std::size_t& to) {
  auto text = x.find(key);
  if (!text)
    return true;
  auto number = to_number(*text);
  to = number.value_or(0);
  return number.has_value();
}

bool set_ids(const directive& x, std::string_view key,
             std::vector<member_id>& to) {
  for (auto& arg : x.args) {
    if (arg.key != key)
      continue;
    for (auto& text : arg.values) {
      auto id = to_number(text);
      if (!id || *id == 0)
        return false;
      insert(to, member_id{*id});
    }
  }
  return true;
}

std::optional<member_change> parse_change(std::string_view word) {
  static const std::map<char, change_op> ops = {
      {'v', change_op::add_voter},
      {'l', change_op::add_learner},
      {'r', change_op::remove},
      {'u', change_op::add_voter}, // the core has no updates: see below
  };
  auto id = to_number(word.substr(std::min<std::size_t>(1, word.size())));
  if (!id || *id == 0)
    return std::nullopt;
  auto op = ops.find(word.front());
  if (op == ops.end())
    return std::nullopt;
  return member_change{op->second, member_id{*id}};
}

// `changes` as the script wrote them, where the core's own form differs.
struct wanted_change {
  configuration_change change;
  std::string shown_as;
};

std::string parse_changes(const directive& x, member_id any_voter,
                          wanted_change& out) {
  auto& to = out.change;
  auto how = x.find("transition").value_or("auto");
  if (how == "implicit")
    to.how = transition::implicit_joint;
  else if (how == "explicit")
    to.how = transition::explicit_joint;
  else if (how != "auto")
    return "unknown transition " + how + ": use auto, implicit or explicit";
  std::string words;
  std::size_t updates = 0;
  for (auto& line : x.body) {
    for (std::string_view rest = line; !rest.empty();) {
      auto end = std::min(rest.find(' '), rest.size());
      auto word = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (word.empty())
        continue;
      words += (words.empty() ? "" : " ") + std::string{word};
      auto one = parse_change(word);
      if (!one)
        return "unknown change " + words + ": use vN, lN, rN or uN";
      if (word.front() != 'u')
        to.changes.push_back(*one);
      else // to make a voter of a voter changes nothing, if done first
        to.changes.insert(to.changes.begin() + updates++,
                          {change_op::add_voter, any_voter});
    }
  }
  bool old = x.find("v1") == "true";
  if (old && (to.changes.size() != 1 || to.how != transition::automatic))
    return "v1 conf change can only have one operation and no transition";
  if (old || updates > 0)
    out.shown_as = (old ? "cc1:" : "cc2:") + std::string{how_text(to.how)} + "("
                   + words + ")";
  return {};
}

} // namespace

script_node* script_runner::first_node(const directive& x) {
  auto ids = x.ids();
  return ids.empty() ? nullptr : world_.find(ids.front());
}

std::string script_runner::add_nodes(const directive& x) {
  auto cfg = script_settings();
  app_state start;
  std::size_t index = 0;
  if (x.ids().size() != 1 || !set_size(x, "index", index)
      || !set_size(x, "inflight", cfg.inflight_max)
      || !set_size(x, "max-size-per-msg", cfg.append_bytes_max))
    return "a number was expected: add-nodes N index=I ...";
  cfg.applying_bytes_max = std::max<std::size_t>(1, cfg.append_bytes_max);
  if (!set_size(x, "max-committed-size-per-ready", cfg.applying_bytes_max)
      || !set_ids(x, "voters", start.meta.conf.voters)
      || !set_ids(x, "learners", start.meta.conf.learners))
    return "a number was expected: add-nodes N voters=(1,2) ...";
  if (index == 1 || (index == 0 && start.meta.conf != configuration{}))
    return "index must be above 1 for members to start with";
  start.meta.index = log_index{index};
  start.meta.term = raft::term{index == 0 ? 0u : 1u};
  start.content = x.find("content").value_or("");
  script_options how;
  how.async = is_true(x.find("async-storage-writes"));
  // To etcd it is a way to answer reads, and keeps nobody from campaigning.
  how.lease_reads = x.find("read-only") == "lease-based";
  cfg.apply_with_batch = !how.async;
  cfg.pre_vote = is_true(x.find("prevote"));
  cfg.check_quorum = is_true(x.find("checkquorum"));
  cfg.step_down_on_removal = is_true(x.find("step-down-on-removal"));
  cfg.validate_changes = !is_true(x.find("disable-conf-change-validation"));
  for (std::uint64_t i = 0; i < x.ids().front(); ++i) {
    cfg.self = member_id{world_.nodes.size() + 1};
    cfg.seed = cfg.self.value << 32;
    if (auto flaw = find_flaw(cfg, {{}, start.meta, {}}); !flaw.empty())
      return flaw;
    world_.nodes.push_back(std::make_unique<script_node>(cfg, how, start));
  }
  return {};
}

std::string script_runner::campaign(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr)
    return no_node;
  (void)node->core.campaign(); // who may not, does not
  return {};
}

std::string script_runner::compact(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr || x.ids().size() != 2)
    return no_node;
  return node->compact(log_index{x.ids()[1]}) ? "" : "not applied that far";
}

std::string script_runner::compact_applied(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr)
    return no_node;
  return node->compact(node->core.inspect().applied) ? "" : "nothing applied";
}

std::string script_runner::deliver(const directive& x) {
  auto kind = x.find("type").value_or("");
  for (auto id : x.ids())
    world_.deliver(id, kind, false);
  for (auto& arg : x.args)
    if (arg.key == "drop")
      for (auto& text : arg.values)
        world_.deliver(to_number(text).value_or(0), kind, true);
  return {};
}

std::string script_runner::forget_leader(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr)
    return no_node;
  if (!node->how.lease_reads)
    (void)node->core.forget_leader();
  return {};
}

std::string script_runner::each(const directive& x,
                                void (script_world::*f)(script_node&)) {
  for (auto id : x.ids()) {
    if (world_.find(id) == nullptr)
      return no_node;
    (world_.*f)(*world_.find(id));
  }
  return {};
}

std::string script_runner::process_ready(const directive& x) {
  return each(x, &script_world::process_ready);
}

std::string script_runner::process_append(const directive& x) {
  return each(x, &script_world::process_append);
}

std::string script_runner::process_apply(const directive& x) {
  return each(x, &script_world::process_apply);
}

std::string script_runner::propose(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr || x.args.size() != 2)
    return no_node;
  auto command = std::make_shared<const std::string>(x.args[1].key);
  auto got = node->core.propose({command});
  return got ? "" : std::string{describe(got.why)};
}

std::string script_runner::propose_change(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr)
    return no_node;
  auto seen = node->core.inspect();
  wanted_change wanted;
  auto voter =
      seen.conf.voters.empty() ? node->cfg.self : seen.conf.voters.front();
  if (auto flaw = parse_changes(x, voter, wanted); !flaw.empty())
    return flaw;
  answer got;
  if (seen.role == role::leader)
    got = world_.place_change(*node, wanted.change, wanted.shown_as);
  else if (got = node->core.change(wanted.change); got)
    node->forwarded.push_back(wanted.shown_as);
  return got ? "" : std::string{describe(got.why)};
}

std::string script_runner::read_index(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr)
    return no_node;
  bool leads = node->core.inspect().role == role::leader;
  if (!leads || !node->how.lease_reads)
    (void)node->core.read_index(++reads_);
  return {};
}

std::string script_runner::report_snapshot(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr || x.ids().size() != 2)
    return no_node;
  node->core.snapshot_sent(member_id{x.ids()[1]}, is_true(x.find("ok")),
                           node->snapshot_for(member_id{x.ids()[1]}));
  return {};
}

std::string script_runner::report_unreachable(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr || x.ids().size() != 2)
    return no_node;
  node->core.unreachable(member_id{x.ids()[1]});
  return {};
}

std::string script_runner::restart(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr)
    return no_node;
  world_.forget_local(node->cfg.self.value);
  node->restart();
  return {};
}

std::string script_runner::send_snapshot(const directive& x) {
  auto* node = first_node(x);
  if (node == nullptr || x.ids().size() != 2)
    return no_node;
  auto& app = node->app();
  world_.post({node->cfg.self, member_id{x.ids()[1]},
               node->core.inspect().hard.term, snapshot_offer{app.meta}},
              app.content);
  return {};
}

std::string script_runner::set_timeout(const directive& x) {
  auto* node = first_node(x);
  auto ticks = to_number(x.find("timeout").value_or(""));
  if (node == nullptr || !ticks)
    return no_node;
  node->core.set_election_timeout(static_cast<std::uint32_t>(*ticks));
  return {};
}

std::string script_runner::show(const directive&) {
  return {};
}

std::string script_runner::stabilize(const directive& x) {
  auto ids = x.ids();
  if (ids.empty())
    for (std::uint64_t id = 1; id <= world_.nodes.size(); ++id)
      ids.push_back(id);
  for (auto id : ids)
    if (world_.find(id) == nullptr)
      return no_node;
  return world_.stabilize(ids) ? "" : "these members never come to rest";
}

std::string script_runner::tick(const directive& x,
                                std::uint32_t settings::*count) {
  auto* node = first_node(x);
  if (node == nullptr)
    return no_node;
  for (std::uint32_t i = 0; i < node->cfg.*count; ++i)
    node->core.tick();
  return {};
}

std::string script_runner::tick_election(const directive& x) {
  return tick(x, &settings::election_ticks);
}

std::string script_runner::tick_heartbeat(const directive& x) {
  return tick(x, &settings::heartbeat_ticks);
}

std::string script_runner::transfer(const directive& x) {
  auto* from = world_.find(to_number(x.find("from").value_or("")).value_or(0));
  auto to = to_number(x.find("to").value_or(""));
  if (from == nullptr || !to)
    return no_node;
  if (from->core.inspect().role == role::leader)
    (void)from->core.transfer(member_id{*to});
  else
    world_.pass_on(
        *from,
        {{}, transfer_wish{from->core.inspect().hard.term, member_id{*to}}});
  return {};
}

std::string script_runner::run(const directive& x) {
  static const std::map<std::string_view, action> actions = {
      {"add-nodes", &script_runner::add_nodes},
      {"campaign", &script_runner::campaign},
      {"compact", &script_runner::compact},
      {"compact-applied", &script_runner::compact_applied},
      {"deliver-msgs", &script_runner::deliver},
      {"forget-leader", &script_runner::forget_leader},
      {"log-level", &script_runner::show},
      {"process-append-thread", &script_runner::process_append},
      {"process-apply-thread", &script_runner::process_apply},
      {"process-ready", &script_runner::process_ready},
      {"propose", &script_runner::propose},
      {"propose-conf-change", &script_runner::propose_change},
      {"raft-log", &script_runner::show},
      {"raft-state", &script_runner::show},
      {"read-index", &script_runner::read_index},
      {"report-snapshot", &script_runner::report_snapshot},
      {"report-unreachable", &script_runner::report_unreachable},
      {"restart", &script_runner::restart},
      {"send-snapshot", &script_runner::send_snapshot},
      {"set-randomized-election-timeout", &script_runner::set_timeout},
      {"stabilize", &script_runner::stabilize},
      {"status", &script_runner::show},
      {"tick-election", &script_runner::tick_election},
      {"tick-heartbeat", &script_runner::tick_heartbeat},
      {"transfer-leadership", &script_runner::transfer},
  };
  auto at = actions.find(x.name);
  if (at == actions.end())
    return "unsupported directive " + x.name;
  auto out = (this->*at->second)(x);
  for (auto& node : world_.nodes)
    node->note_snapshots();
  return out;
}

std::string script_runner::state() const {
  std::string out;
  for (auto& node : world_.nodes)
    out += state_text(*node, world_.shown);
  return out + ".\n";
}

void script_runner::run_all(std::istream& in, std::ostream& out) {
  for (int count = 1; auto x = next_directive(in); ++count) {
    out << "== " << count << ' ' << x->text() << '\n';
    if (auto refusal = run(*x); !refusal.empty())
      out << "err " << refusal << '\n';
    out << state() << std::flush;
  }
}

} // namespace troupe::raft::script
