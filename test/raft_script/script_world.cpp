#include <raft_script/script_world.hpp>

#include <algorithm>
#include <utility>

namespace troupe::raft::script {

script_node* script_world::find(std::uint64_t id) {
  return id == 0 || id > nodes.size() ? nullptr : nodes[id - 1].get();
}

void script_world::post(message msg, std::string content) {
  auto to = msg.to;
  network_.push_back({to, std::move(msg), std::move(content)});
}

void script_world::send(script_node& node, message x) {
  parcel out{x.to, std::move(x)};
  if (kind_of(out) == "MsgProp" && !node.forwarded.empty()
      && std::holds_alternative<forward_change>(
          std::get<message>(out.what).body)) {
    out.shown_as = std::move(node.forwarded.front());
    node.forwarded.pop_front();
  }
  network_.push_back(std::move(out));
}

void script_world::pass_on(script_node& node, parcel x) {
  auto seen = node.core.inspect();
  if (seen.role != role::follower || !seen.leader)
    return;
  x.to = seen.leader;
  if (auto* msg = std::get_if<message>(&x.what))
    msg->to = x.to;
  node.passed_on.push_back({seen.messages_due, std::move(x)});
}

void script_world::answer_read(script_node& leader, member_id to,
                               std::uint64_t id) {
  auto seen = leader.core.inspect();
  if (auto at = leader.core.lease_index())
    leader.passed_on.push_back(
        {seen.messages_due,
         {to,
          message{leader.cfg.self, to, seen.hard.term, read_reply{id, *at}}}});
}

answer script_world::place_change(script_node& leader,
                                  const configuration_change& change,
                                  const std::string& shown_as) {
  auto got = leader.core.change(change);
  if (got && got.index && !shown_as.empty())
    shown[{got.term, got.index}] = shown_as;
  if (!got)
    got = leader.core.propose({std::make_shared<const std::string>()});
  return got;
}

void script_world::process_ready(script_node& node) {
  auto was = node.core.inspect().role;
  auto out = node.core.take();
  auto passed_on = std::exchange(node.passed_on, {});
  std::size_t sent = 0;
  for (auto& [behind, x] : passed_on) {
    for (; sent < std::min(behind, out.now.size()); ++sent)
      send(node, std::move(out.now[sent]));
    network_.push_back(std::move(x));
  }
  for (; sent < out.now.size(); ++sent)
    send(node, std::move(out.now[sent]));
  if (node.how.async) {
    if (out.persist || !out.after_persist.empty()) {
      auto as = was == role::pre_candidate ? "MsgPreVoteResp"
                : was == role::candidate   ? "MsgVoteResp"
                : was == role::leader      ? "MsgAppResp"
                                           : "MsgStorageAppendResp";
      node.appends.push_back(
          {std::move(out.persist), std::move(out.after_persist), as});
    }
    if (!out.committed.empty())
      node.applies.push_back(std::move(out.committed));
    return;
  }
  if (out.persist)
    node.write(*out.persist);
  node.apply(out.committed);
  for (auto& x : out.after_persist)
    send(node, std::move(x));
  if (out.persist)
    node.core.persisted(out.persist->id);
  if (!out.committed.empty())
    node.core.applied(out.committed.back().index);
  node.note_snapshots();
}

void script_world::process_append(script_node& node) {
  if (node.appends.empty())
    return;
  auto work = std::move(node.appends.front());
  node.appends.pop_front();
  if (work.batch)
    node.write(*work.batch);
  for (auto& x : work.replies)
    send(node, std::move(x));
  if (work.batch)
    network_.push_back(
        {node.cfg.self, write_done{work.batch->id, work.done_as}, {}});
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
  } else if (auto* wish = std::get_if<transfer_wish>(&x.what)) {
    if (wish->term >= node.core.inspect().hard.term)
      (void)node.core.transfer(wish->to);
  } else {
    auto& msg = std::get<message>(x.what);
    if (auto* offer = std::get_if<snapshot_offer>(&msg.body))
      node.offered[offer->meta.index] = std::move(x.content);
    auto* change = std::get_if<forward_change>(&msg.body);
    bool leads = node.core.inspect().role == role::leader;
    auto* read = std::get_if<read_request>(&msg.body);
    // Who no longer leads refuses; etcd's core passes it on.
    if (!leads && (kind_of(x) == "MsgProp" || read != nullptr))
      pass_on(node, std::move(x));
    else if (read != nullptr && node.how.lease_reads)
      answer_read(node, msg.from, read->id);
    else if (change != nullptr)
      (void)place_change(node, change->change, x.shown_as);
    else
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
  if (!drop && node != nullptr) {
    for (auto& x : taken) {
      hand_over(*node, std::move(x));
      node->note_snapshots();
    }
  }
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
      if (find(id)->ready()) {
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
