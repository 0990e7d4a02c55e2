#include "cluster_checks.hpp"

#include <algorithm>
#include <set>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <troupe/cluster/raft/codec.hpp>
#include <troupe/proto/raft.pb.h>

namespace troupe::sim {

std::uint64_t hash_of(const std::string& bytes) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (unsigned char c : bytes)
    h = (h ^ c) * 0x100000001b3;
  return h;
}

namespace {

std::string bytes_of(const shard_map& map) {
  proto::MapSnapshot snapshot;
  map.save(snapshot);
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream{&out};
    google::protobuf::io::CodedOutputStream coded{&stream};
    coded.SetSerializationDeterministic(true);
    snapshot.SerializeToCodedStream(&coded);
  }
  return out;
}

std::uint64_t content_of(const raft::entry& e) {
  if (auto* command = std::get_if<raft::payload>(&e.body))
    return hash_of(**command);
  if (auto* change = std::get_if<raft::configuration_change>(&e.body)) {
    std::uint64_t h = 7;
    for (auto& one : change->changes)
      h = h * 31 + one.member.value * 4 + static_cast<std::uint64_t>(one.op);
    return h;
  }
  return 1;
}

std::string place_of(const raft::entry& e) {
  return "entry " + std::to_string(e.index.value) + " of term "
         + std::to_string(e.term.value);
}

} // namespace

std::optional<std::uint64_t> cluster_checks::ran(const subject& node) {
  auto& lead = node.core.leadership();
  if (lead.role == raft::role::leader) {
    auto id = node.core.config().self;
    auto [i, fresh] = leaders_.emplace(lead.term, id);
    if (i->second != id)
      reg_.fail("two leaders in term " + std::to_string(lead.term.value)
                + ": nodes " + std::to_string(i->second.value) + " and "
                + std::to_string(id.value));
  }
  auto version = node.core.map().version().value;
  auto& seen = lives_[node.life];
  if (seen.version == version)
    return std::nullopt;
  seen.version = version;
  if (seen.installing > node.disk.snapshot_index().value
      && version >= seen.installing)
    reg_.fail(node.name + " shows the map of a snapshot that is not durable");
  auto hash = hash_of(bytes_of(node.core.map()));
  auto [i, fresh] = maps_.emplace(version, hash);
  if (i->second != hash)
    reg_.fail("two maps at version " + std::to_string(version) + ", one on "
              + node.name);
  return hash;
}

void cluster_checks::writes(const subject& node,
                            const raft::persist_batch& batch) {
  if (batch.install)
    lives_[node.life].installing = batch.install->index.value;
  if (batch.truncate_from) {
    auto& commands = lives_[node.life].commands;
    commands.erase(commands.lower_bound(batch.truncate_from->value),
                   commands.end());
  }
  std::uint64_t before = 0;
  for (auto& e : batch.append) {
    logged now{content_of(e), before};
    auto [i, fresh] = log_.emplace(std::pair{e.index.value, e.term.value}, now);
    if (!fresh && i->second.before == 0)
      i->second.before = before;
    if (i->second.content != now.content
        || (before != 0 && i->second.before != before))
      reg_.fail("two logs differ at " + place_of(e) + ", one on " + node.name);
    before = e.term.value;
    if (std::holds_alternative<raft::payload>(e.body))
      check_commands(node, e);
  }
}

// [INV-COORD-1, INV-COORD-2]
void cluster_checks::check_commands(const subject& node, const raft::entry& e) {
  auto& lead = node.core.leadership();
  auto& commands = lives_[node.life].commands;
  commands.erase(commands.lower_bound(e.index.value), commands.end());
  auto previous = commands.empty() ? 0 : *commands.rbegin();
  commands.insert(e.index.value);
  if (lead.role != raft::role::leader || lead.term != e.term)
    return;
  if (node.core.applied().value < previous)
    reg_.fail(node.name + " proposes " + place_of(e)
              + " though its map does not hold entry "
              + std::to_string(previous));
  proto::MapEntry entry;
  if (!entry.ParseFromString(*std::get<raft::payload>(e.body)))
    reg_.fail(place_of(e) + " is no command");
  std::set<std::pair<std::uint32_t, std::uint32_t>> touched;
  auto touch = [&](const auto& rows) {
    for (auto& row : rows)
      if (!touched.insert({row.region(), row.partition()}).second)
        reg_.fail(place_of(e) + " touches partition "
                  + std::to_string(row.partition()) + " twice");
  };
  for (auto& command : entry.commands()) {
    touch(command.pause().rows());
    touch(command.assign().rows());
    touch(command.started().rows());
    touch(command.failed().rows());
  }
}

void cluster_checks::says(const subject& node, const send_frame& frame) {
  if (frame.kind != frame_kind::raft)
    return;
  proto::RaftMessage bytes;
  auto said = bytes.ParseFromString(frame.bytes) ? raft::from_proto(bytes)
                                                 : std::nullopt;
  if (!said) {
    reg_.fail(node.name + " says what nobody can read");
    return;
  }
  if (auto* vote = std::get_if<raft::vote_reply>(&said->body);
      vote && vote->granted) {
    auto& hard = node.disk.hard();
    if (hard.term != said->term || hard.vote != said->to)
      reg_.fail(node.name + " grants a vote that is not on its disk");
  }
  if (auto* reply = std::get_if<raft::append_reply>(&said->body);
      reply && reply->index) {
    if (node.disk.hard().term < said->term
        || node.disk.last_index() < reply->index)
      reg_.fail(node.name + " acknowledges entry "
                + std::to_string(reply->index.value)
                + " which is not on its disk");
  }
}

void cluster_checks::happened(const subject& node, const proto::Event& event) {
  if (event.local())
    return;
  auto [i, fresh] = events_.emplace(event.seq(), event);
  if (!fresh
      && (i->second.kind() != event.kind() || i->second.node() != event.node()
          || i->second.epoch() != event.epoch()))
    reg_.fail("two events with number " + std::to_string(event.seq())
              + ", one on " + node.name);
}

} // namespace troupe::sim
