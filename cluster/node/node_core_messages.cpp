// What nodes say to each other about themselves: heartbeats and their echoes,
// snapshots, replies.
#include <algorithm>

#include <troupe/cluster/node/node_core.hpp>
#include <troupe/cluster/raft/codec.hpp>
#include <troupe/proto/raft.pb.h>

namespace troupe {

namespace {

template <class Message>
std::optional<Message> parse(std::string_view bytes) {
  Message out;
  if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::nullopt;
  return out;
}

} // namespace

void node_core::send(node_id to, frame_kind kind,
                     const google::protobuf::MessageLite& message) {
  emit(send_frame{to, kind, message.SerializeAsString()});
}

void node_core::receive(boot_time now, node_id from, frame_kind kind,
                        std::string_view bytes) {
  bool sound = true;
  auto with = [&](auto message, auto f) {
    if (message)
      f(*message);
    else
      sound = false;
  };
  switch (kind) {
  case frame_kind::raft:
    with(parse<proto::RaftMessage>(bytes), [&](auto& m) {
      auto message = raft::from_proto(m);
      sound = message && message->from == from && message->to == config_.self;
      if (!sound)
        return;
      // An offer is only good with the bytes of its snapshot at hand.
      auto* offer = std::get_if<raft::snapshot_offer>(&message->body);
      if (!offer || snapshot_receiver_.find(offer->meta.index))
        raft_.receive(std::move(*message));
    });
    break;
  case frame_kind::heartbeat:
    with(parse<proto::Heartbeat>(bytes), [&](auto& m) { on(now, from, m); });
    break;
  case frame_kind::echo:
    with(parse<proto::Echo>(bytes), [&](auto& m) { on(now, m); });
    break;
  case frame_kind::command:
    with(parse<proto::CommandRequest>(bytes),
         [&](auto& m) { on(now, from, m); });
    break;
  case frame_kind::command_reply:
    with(parse<proto::CommandReply>(bytes), [&](auto& m) { on(now, m); });
    break;
  case frame_kind::snapshot_chunk:
    with(parse<proto::SnapshotChunk>(bytes), [&](auto& m) {
      auto progress = snapshot_receiver_.add(m);
      if (!progress)
        return;
      if (progress->whole) {
        emit(store_snapshot{progress->whole->meta, progress->whole->bytes});
        return; // acknowledged when it is durable
      }
      proto::SnapshotTaken taken;
      taken.set_index(m.meta().index());
      taken.set_next_offset(progress->next);
      send(from, frame_kind::snapshot_taken, taken);
    });
    break;
  case frame_kind::snapshot_taken:
    with(parse<proto::SnapshotTaken>(bytes), [&](auto& m) {
      auto whole =
          snapshot_sender_.taken(from, log_index{m.index()}, m.next_offset());
      if (whole) {
        if (auto offer = raft_.offer_snapshot(from, *whole))
          send_raft(*offer);
        raft_.snapshot_sent(from, true, whole->index);
      } else if (auto chunk =
                     snapshot_sender_.chunk(from, leadership_.term, now)) {
        send(from, frame_kind::snapshot_chunk, *chunk);
      }
    });
    break;
  case frame_kind::state:
    with(parse<proto::State>(bytes), [&](auto& m) {
      partition_state state;
      state.present = m.present();
      if (m.present())
        state.bytes = std::make_shared<const std::string>(m.data());
      host_.state_arrived(from, {region_id{m.region()}, m.partition()},
                          epoch{m.epoch()}, std::move(state));
    });
    break;
  case frame_kind::state_taken:
    with(parse<proto::StateTaken>(bytes), [&](auto& m) {
      host_.state_taken(from, {region_id{m.region()}, m.partition()},
                        epoch{m.epoch()});
    });
    break;
  default:
    sound = false;
  }
  if (!sound)
    ++malformed_;
  pump(now);
}

void node_core::snapshot_stored(boot_time now, log_index at) {
  snapshot_receiver_.stored(at);
  auto* whole = snapshot_receiver_.find(at);
  if (whole && leadership_.leader) {
    proto::SnapshotTaken taken;
    taken.set_index(at.value);
    taken.set_next_offset(whole->bytes->size());
    send(leadership_.leader, frame_kind::snapshot_taken, taken);
  }
  pump(now);
}

// Bounds what a node with very many partitions says at a time: 1 MB.
static constexpr std::size_t facts_max = 65536;

// -- leases -------------------------------------------------------------------

void node_core::heartbeat(boot_time now) {
  if (!leadership_.leader)
    return;
  proto::Heartbeat beat;
  beat.set_incarnation(config_.started.value);
  beat.set_sent_ns(now.count());
  beat.set_applied(applied_.value);
  if (host_.has_facts())
    *beat.mutable_facts() = host_.facts(facts_max);
  beat.set_last(retired_);
  if (leadership_.leader == config_.self)
    on(now, config_.self, beat);
  else
    send(leadership_.leader, frame_kind::heartbeat, beat);
}

void node_core::on(boot_time now, node_id from, const proto::Heartbeat& beat) {
  if (leadership_.role != raft::role::leader || !leadership_.caught_up)
    return;
  auto* node = map_.node(from);
  auto started = incarnation{beat.incarnation()};
  if (!node || node->incarnation != started)
    return;
  coordinator_.heard(now, from, started, log_index{beat.applied()},
                     beat.facts(), map_);
  if (beat.last())
    coordinator_.released(from);
  else if (node->liveness == liveness::up) {
    echoes_.arrived(
        {from, started, boot_time{beat.sent_ns()}, raft_.status().last});
    echo(now);
  }
  propose(now);
}

void node_core::retire(boot_time now) {
  if (host_.alive() > 0)
    return;
  retired_ = true;
  heartbeat(now);
  pump(now);
}

// Starts the round that the waiting heartbeats need, if none is under way.
void node_core::echo(boot_time) {
  if (!echoes_.wants_round())
    return;
  if (auto round = raft_.start_round())
    echoes_.round_started(*round);
}

void node_core::on(boot_time, const proto::Echo& echo) {
  if (echo.incarnation() != config_.started.value)
    return;
  if (lease_.echoed(boot_time{echo.sent_ns()}, log_index{echo.last_index()},
                    applied_))
    emit(lease_extended{lease_.end()});
}

} // namespace troupe
