#pragma once

#include <string>

#include <test/catch.hpp>

#include <troupe/cluster/move/partition_host.hpp>

namespace troupe::host_words {

inline const partition_key key{region_id{1}, 0};
inline const epoch first{5};

inline assignment row(stage s, std::uint64_t owner, std::uint64_t e,
                      std::uint64_t target = 0, std::uint64_t source = 0,
                      std::uint64_t source_epoch = 0,
                      std::uint64_t started = 1) {
  assignment a;
  a.stage = s;
  a.owner = node_id{owner};
  if (owner != 0)
    a.owner_incarnation = incarnation{started};
  a.epoch = epoch{e};
  a.target = node_id{target};
  a.source = node_id{source};
  a.source_epoch = epoch{source_epoch};
  return a;
}

inline partition_state state() {
  return {true, std::make_shared<const std::string>("state")};
}

/// A host and its effects in a line each.
struct host_lab {
  partition_host h;

  explicit host_lab(std::uint64_t self, std::uint64_t started = 1)
      : h{node_id{self}, incarnation{started}} {}

  void learn(const assignment& a) { h.learn(key, a); }
  void arrive(std::uint64_t e) {
    h.state_arrived(node_id{1}, key, epoch{e}, state());
  }
  /// Partition runs here at epoch 5.
  void run() {
    learn(row(stage::starting, 1, 5));
    h.started(key, first);
    learn(row(stage::running, 1, 5));
    h.take();
  }
  /// It ran here, and its state is for node 2.
  void stop() {
    run();
    learn(row(stage::pausing, 1, 5, 2));
    h.stopped(key, first, state());
    REQUIRE(did() == "stop5 send5>2 ");
  }
  std::string did() {
    std::string out;
    auto say = [&](const char* what, epoch at) {
      out += what + std::to_string(at.value) + " ";
    };
    for (auto& one : h.take()) {
      if (auto* x = std::get_if<start_actor>(&one))
        say(x->state.present ? "load" : "start", x->epoch);
      else if (auto* x = std::get_if<stop_actor>(&one))
        say("stop", x->epoch);
      else if (auto* x = std::get_if<kill_actor>(&one))
        say("kill", x->epoch);
      else if (auto* x = std::get_if<send_state>(&one))
        out += "send" + std::to_string(x->epoch.value) + ">"
               + std::to_string(x->to.value) + " ";
      else if (auto* x = std::get_if<acknowledge_state>(&one))
        say("ack", x->epoch);
      else if (auto* x = std::get_if<keep_on_disk>(&one))
        say("keep", x->epoch);
      else if (auto* x = std::get_if<drop_from_disk>(&one))
        say("drop", x->epoch);
    }
    return out;
  }
  /// What it has to tell the leader.
  std::string says() const {
    auto facts = h.facts();
    CHECK(h.has_facts() == (facts.ByteSizeLong() > 0));
    std::string out;
    auto add = [&](const char* what, auto& rows) {
      for (auto& one : rows)
        out += what + std::to_string(one.epoch()) + " ";
    };
    add("confirmed", facts.confirmed());
    add("started", facts.started());
    add("failed", facts.failed());
    add("holding", facts.holding());
    return out;
  }
};

} // namespace troupe::host_words
