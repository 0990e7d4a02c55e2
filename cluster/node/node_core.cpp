// Time and raft: what comes in, and what leaves.
#include <troupe/cluster/node/node_core.hpp>

#include <algorithm>
#include <set>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/raft/codec.hpp>
#include <troupe/proto/raft.pb.h>

namespace troupe {

namespace {

raft::settings raft_settings(const node_config& config) {
  raft::settings out;
  auto& times = config.settings;
  out.self = config.self;
  out.seed = config.seed;
  out.election_ticks =
      static_cast<std::uint32_t>(times.election_min / times.tick);
  out.heartbeat_ticks =
      static_cast<std::uint32_t>(times.heartbeat / times.tick);
  out.disk_ticks_max = 3 * out.election_ticks;
  out.forward_proposals = false;
  out.log_tail = times.keep_tail;
  return out;
}

} // namespace

node_core::node_core(node_config config, node_recovered disk, boot_time now)
    : config_(std::move(config)),
      raft_(raft_settings(config_), disk.log),
      map_(config_.settings.event_history),
      coordinator_(config_.settings, config_.strategies),
      host_(config_.self, config_.started),
      lease_(config_.settings),
      started_at_(now),
      next_command_(config_.boot_id | 1) {
  members_ = disk.log.snapshot.conf;
  if (disk.snapshot)
    restore(now, disk.log.snapshot, *disk.snapshot);
  snapshot_at_ = disk.log.snapshot.index;
  pump(now);
}

node_core::~node_core() = default;

void node_core::tick(boot_time now, std::uint64_t time_ms) {
  set_wall(now, time_ms);
  raft_.tick();
  for (auto to : snapshot_sender_.late(now))
    if (auto chunk = snapshot_sender_.chunk(to, leadership_.term, now))
      send(to, frame_kind::snapshot_chunk, *chunk);
  for (auto& [to, at] : snapshot_sender_.give_up(now))
    raft_.snapshot_sent(to, false, at);
  for (auto i = farewells_.begin(); i != farewells_.end();) {
    if (now < i->second.until) {
      ++i;
      continue;
    }
    emit(i->second.then);
    i = farewells_.erase(i);
  }
  watch_handlers(now);
  watch_lease(now);
  announce_all(now);
  if (departure_)
    if (auto step = departure_->tick(now, *this))
      emit(std::move(*step));
  send_commands(now);
  expire_commands(now);
  if (lease_.due(now))
    heartbeat(now);
  pump(now);
}

// The wall clock is told in milliseconds, now and then; between two times, and
// for the fractions, the cluster's clock goes on from there.
void node_core::set_wall(boot_time now, std::uint64_t time_ms) {
  constexpr std::int64_t step_us = 20'000; // less is no jump of the clock
  auto exact = static_cast<std::int64_t>(time_ms) * 1000 - now.count() / 1000;
  if (std::abs(exact - wall_us_) > step_us)
    wall_us_ = exact;
}

std::uint64_t node_core::wall_us(boot_time now) const {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, now.count() / 1000 + wall_us_));
}

// Works off all that has become due, until nothing is.
void node_core::pump(boot_time now) {
  for (bool again = true; again;) {
    do {
      drain_raft(now);
      change_members();
      propose(now);
    } while (raft_.ready());
    for (auto& one : coordinator_.take_answers())
      answer(one);
    perform_host();
    bool news = host_.has_news();
    auto facts = host_.take_news();
    again = news && leadership_.leader == config_.self;
    if (again)
      coordinator_.told(config_.self, facts);
    else if (news && lease_.due_with_news(now))
      heartbeat(now);
  }
}

// -- raft ---------------------------------------------------------------------

void node_core::drain_raft(boot_time now) {
  while (raft_.ready()) {
    auto out = raft_.take();
    for (auto& next : out.leadership)
      lead(now, next);
    for (auto& message : out.now)
      send_raft(message);
    if (!out.after_persist.empty()) {
      waiting_.emplace_back(out.after_batch, std::move(out.after_persist));
      release(durable_);
    }
    if (out.persist) {
      if (out.persist->install) {
        auto* whole = snapshot_receiver_.find(out.persist->install->index);
        TROUPE_ASSERT(whole, "snapshot {} is installed but not here",
                      out.persist->install->index);
        installing_ = {*whole, out.persist->id};
      }
      emit(persist{std::move(*out.persist)});
    }
    for (auto& wanted : out.snapshots) {
      if (saving_bytes_ && saving_meta_.index >= wanted.at_least && !saving_) {
        snapshot_sender_.begin(wanted.to, saving_meta_, saving_bytes_);
      } else {
        take_snapshot();
        snapshot_sender_.begin(wanted.to, saving_meta_, saving_bytes_);
      }
      if (auto chunk = snapshot_sender_.chunk(wanted.to, leadership_.term, now))
        send(wanted.to, frame_kind::snapshot_chunk, *chunk);
    }
    for (auto& entry : out.committed)
      apply(now, entry);
    if (!out.committed.empty()) {
      raft_.applied(applied_);
      if (lease_.applied(applied_))
        emit(lease_extended{lease_.end()});
      if (applied_.value - snapshot_at_.value >= config_.settings.snapshot_every
          && !saving_)
        take_snapshot();
    }
    if (out.confirmed_round) {
      for (auto& e : echoes_.confirmed(*out.confirmed_round)) {
        proto::Echo reply;
        reply.set_sent_ns(e.sent.count());
        reply.set_last_index(e.last_index.value);
        reply.set_incarnation(e.started.value);
        if (e.to == config_.self)
          on(now, reply);
        else
          send(e.to, frame_kind::echo, reply);
      }
      echo(now);
    }
  }
}

void node_core::send_raft(const raft::message& message) {
  proto::RaftMessage out;
  raft::to_proto(message, out);
  send(message.to, frame_kind::raft, out);
}

void node_core::release(std::uint64_t batch) {
  while (!waiting_.empty() && waiting_.front().first <= batch) {
    for (auto& message : waiting_.front().second)
      send_raft(message);
    waiting_.pop_front();
  }
}

void node_core::persisted(boot_time now, std::uint64_t batch) {
  durable_ = std::max(durable_, batch);
  if (installing_ && batch >= installing_->batch) {
    auto [meta, bytes] = std::exchange(installing_, std::nullopt)->what;
    restore(now, meta, *bytes);
    snapshot_at_ = meta.index;
  }
  release(batch);
  raft_.persisted(batch);
  pump(now);
}

void node_core::unreachable(node_id peer) {
  raft_.unreachable(peer);
}

void node_core::lead(boot_time now, const raft::leadership& next) {
  bool led = leadership_.role == raft::role::leader;
  bool leads = next.role == raft::role::leader;
  bool new_leader = next.leader != leadership_.leader;
  bool began =
      leads && next.caught_up
      && !(led && leadership_.caught_up && leadership_.term == next.term);
  if (leads && (!led || leadership_.term != next.term)) {
    auto age = static_cast<std::int64_t>(next.leader_ack_age)
               * boot_time{config_.settings.tick};
    led_from_ = now > age ? now - age : boot_time{0};
  }
  leadership_ = next;
  if (led && !leads) {
    if (proposed_)
      coordinator_.failed(std::exchange(proposed_, std::nullopt)->what,
                          errc::outcome_unknown);
    coordinator_.retire();
    echoes_.clear();
    snapshot_sender_.clear();
  }
  if (began) {
    echoes_.clear();
    coordinator_.lead(now, led_from_, map_);
  }
  if (new_leader && next.leader) {
    lease_.hurry();
    announce_at_ = boot_time{0};
    proto::Event event;
    event.set_kind(proto::EVENT_KIND_LEADER_CHANGED);
    event.set_node(next.leader.value);
    event.set_node_name(map_.name_of(next.leader));
    event.set_text("term " + std::to_string(next.term.value));
    local_event(now, std::move(event));
  }
  if (began || (new_leader && next.leader))
    send_commands(now);
}

bool node_core::hand_over() {
  for (auto id : members_.voters) {
    auto* node = map_.node(id);
    if (id != config_.self && node && node->liveness == liveness::up
        && node->intent == intent::none && !coordinator_.leaving().count(id)
        && raft_.transfer(id))
      return true;
  }
  return false;
}

void node_core::propose(boot_time now) {
  if (proposed_ || leadership_.role != raft::role::leader
      || !leadership_.caught_up)
    return;
  auto next = coordinator_.next(now, wall_us(now), map_, members_);
  if (!next)
    return;
  auto bytes =
      std::make_shared<const std::string>(next->entry.SerializeAsString());
  auto placed = raft_.propose({bytes});
  if (!placed)
    coordinator_.failed(*next, errc::no_quorum);
  else
    proposed_ = in_flight{std::move(*next), placed.term, placed.index};
}

void node_core::change_members() {
  if (leadership_.role != raft::role::leader || !leadership_.caught_up)
    return;
  auto status = raft_.status();
  std::set<node_id> caught_up;
  for (auto& [id, match] : status.matches)
    if (match.value + 100 >= status.commit.value)
      caught_up.insert(id);
  auto change = next_member_change(map_, members_, config_.self, caught_up,
                                   coordinator_.leaving());
  if (change)
    (void)raft_.change({{*change}, raft::transition::automatic});
}

bool node_core::joined() const {
  auto* self = map_.node(config_.self);
  return self && self->liveness == liveness::up
         && self->incarnation == config_.started;
}

bool node_core::suspects(node_id node, boot_time now) const {
  return leadership_.role == raft::role::leader && node != config_.self
         && coordinator_.detector().suspected(node, now);
}

void node_core::local_event(boot_time now, proto::Event event) {
  event.set_seq(local_seq_++);
  event.set_local(true);
  event.set_time_ms(wall_us(now) / 1000);
  emit(happened{{std::move(event)}});
}

std::vector<node_effect> node_core::take() {
  return std::exchange(effects_, {});
}

} // namespace troupe
