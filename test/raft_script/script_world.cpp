#include <raft_script/script_world.hpp>

#include <algorithm>
#include <utility>

namespace troupe::raft::script {

namespace {

struct kind_name {
  std::string_view operator()(const pre_vote_request&) { return "MsgPreVote"; }
  std::string_view operator()(const pre_vote_reply&) {
    return "MsgPreVoteResp";
  }
  std::string_view operator()(const vote_request&) { return "MsgVote"; }
  std::string_view operator()(const vote_reply&) { return "MsgVoteResp"; }
  std::string_view operator()(const append_request&) { return "MsgApp"; }
  std::string_view operator()(const append_reply&) { return "MsgAppResp"; }
  std::string_view operator()(const append_refusal&) { return "MsgAppResp"; }
  std::string_view operator()(const heartbeat&) { return "MsgHeartbeat"; }
  std::string_view operator()(const heartbeat_reply&) {
    return "MsgHeartbeatResp";
  }
  std::string_view operator()(const snapshot_offer&) { return "MsgSnap"; }
  std::string_view operator()(const timeout_now&) { return "MsgTimeoutNow"; }
  std::string_view operator()(const read_request&) { return "MsgReadIndex"; }
  std::string_view operator()(const read_reply&) { return "MsgReadIndexResp"; }
  std::string_view operator()(const forward_commands&) { return "MsgProp"; }
  std::string_view operator()(const forward_change&) { return "MsgProp"; }
  std::string_view operator()(const forward_reply&) { return "MsgPropResp"; }
};

} // namespace

std::string_view kind_of(const parcel& x) {
  if (std::holds_alternative<write_done>(x.what))
    return "MsgStorageAppendResp";
  if (std::holds_alternative<apply_done>(x.what))
    return "MsgStorageApplyResp";
  return std::visit(kind_name{}, std::get<message>(x.what).body);
}

script_node* script_world::find(std::uint64_t id) {
  return id == 0 || id > nodes.size() ? nullptr : nodes[id - 1].get();
}

void script_world::post(message msg, std::string content) {
  auto to = msg.to;
  network_.push_back({to, std::move(msg), std::move(content)});
}

void script_world::send(std::vector<message> xs) {
  for (auto& x : xs)
    post(std::move(x), {});
}

void script_world::offer_snapshots(script_node& node,
                                   const std::vector<snapshot_wanted>& xs) {
  auto& app = node.app();
  for (auto& x : xs)
    if (auto offer = node.core.offer_snapshot(x.to, app.meta))
      post(std::move(*offer), app.content);
}

void script_world::process_ready(script_node& node) {
  auto out = node.core.take();
  offer_snapshots(node, out.snapshots);
  send(std::move(out.now));
  if (node.async) {
    if (out.persist || !out.after_persist.empty())
      node.appends.push_back(
          {std::move(out.persist), std::move(out.after_persist)});
    if (!out.committed.empty())
      node.applies.push_back(std::move(out.committed));
    return;
  }
  if (out.persist)
    node.write(*out.persist);
  node.apply(out.committed);
  send(std::move(out.after_persist));
  if (out.persist)
    node.core.persisted(out.persist->id);
  if (!out.committed.empty())
    node.core.applied(out.committed.back().index);
}

void script_world::process_append(script_node& node) {
  if (node.appends.empty())
    return;
  auto work = std::move(node.appends.front());
  node.appends.pop_front();
  if (work.batch)
    node.write(*work.batch);
  send(std::move(work.replies));
  if (work.batch)
    network_.push_back({node.cfg.self, write_done{work.batch->id}, {}});
}

void script_world::process_apply(script_node& node) {
  if (node.applies.empty())
    return;
  auto work = std::move(node.applies.front());
  node.applies.pop_front();
  node.apply(work);
  network_.push_back({node.cfg.self, apply_done{work.back().index}, {}});
}

void script_world::hand_over(script_node& node, parcel x) {
  if (auto* done = std::get_if<write_done>(&x.what)) {
    node.core.persisted(done->batch);
  } else if (auto* done = std::get_if<apply_done>(&x.what)) {
    node.core.applied(done->upto);
  } else {
    auto& msg = std::get<message>(x.what);
    if (auto* offer = std::get_if<snapshot_offer>(&msg.body))
      node.offered[offer->meta.index] = std::move(x.content);
    // The leader appends an empty entry in place of a change that it refuses.
    if (auto* forward = std::get_if<forward_change>(&msg.body);
        forward != nullptr && node.core.inspect().role == role::leader) {
      if (!node.core.change(forward->change))
        (void)node.core.propose({std::make_shared<const std::string>()});
      return;
    }
    node.core.receive(std::move(msg));
  }
}

std::size_t script_world::deliver(std::uint64_t to, std::string_view kind,
                                  bool drop) {
  std::deque<parcel> taken;
  std::deque<parcel> left;
  for (auto& x : network_) {
    bool mine = x.to.value == to && !(drop && x.local())
                && (kind.empty() || kind_of(x) == kind);
    (mine ? taken : left).push_back(std::move(x));
  }
  network_ = std::move(left);
  auto* node = find(to);
  if (!drop && node != nullptr)
    for (auto& x : taken)
      hand_over(*node, std::move(x));
  return taken.size();
}

void script_world::forget_local(std::uint64_t to) {
  std::erase_if(network_,
                [&](auto& x) { return x.to.value == to && x.local(); });
}

bool script_world::stabilize(const std::vector<std::uint64_t>& ids) {
  for (int round = 0; round < 10'000; ++round) {
    bool done = true;
    for (auto id : ids) {
      if (find(id)->core.ready()) {
        process_ready(*find(id));
        done = false;
      }
    }
    for (auto id : ids)
      if (deliver(id, {}, false) > 0)
        done = false;
    for (auto id : ids) {
      for (; !find(id)->appends.empty(); done = false)
        process_append(*find(id));
    }
    for (auto id : ids) {
      for (; !find(id)->applies.empty(); done = false)
        process_apply(*find(id));
    }
    if (done)
      return true;
  }
  return false;
}

} // namespace troupe::raft::script
