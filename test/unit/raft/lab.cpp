#include "lab.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace troupe::raft::sim {

configuration voters_of(std::vector<std::uint64_t> ids) {
  configuration out;
  for (auto id : ids)
    out.voters.emplace_back(id);
  return out;
}

payload bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

lab::lab(std::size_t count, settings cfg) : template_(std::move(cfg)) {
  app_state start;
  start.meta.index = log_index{1};
  start.meta.term = term{1};
  for (std::size_t id = 1; id <= count; ++id)
    start.meta.conf.voters.emplace_back(id);
  for (std::size_t id = 1; id <= count; ++id) {
    auto& x = rows_[id];
    x.cfg = template_;
    x.cfg.self = member_id{id};
    x.cfg.seed = id * 1000;
    x.disk.snapshot = x.disk.base = start;
    x.disk.hard = {term{1}, {}, log_index{1}};
    x.start();
  }
}

void lab::add(std::uint64_t id) {
  auto& x = rows_[id];
  x.cfg = template_;
  x.cfg.self = member_id{id};
  x.cfg.seed = id * 1000;
  x.start();
}

void lab::restart(std::uint64_t id) {
  auto& x = rows_.at(id);
  x.crash(0);
  x.start();
}

void lab::apply(std::uint64_t id, const entry& e) {
  auto& x = rows_.at(id);
  x.app.meta.index = e.index;
  x.app.meta.term = e.term;
  if (std::holds_alternative<configuration_change>(e.body))
    x.app.meta.conf = x.raft->apply_change(e);
  else if (auto* command = std::get_if<payload>(&e.body))
    commands[id].push_back(**command);
}

void lab::work(std::uint64_t id) {
  auto& x = rows_.at(id);
  auto out = x.raft->take();
  auto put = [](auto& to, auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  put(leaderships[id], out.leadership);
  put(reads[id], out.reads);
  put(proposals[id], out.proposals);
  put(wanted[id], out.snapshots);
  if (out.confirmed_round)
    rounds[id].push_back(*out.confirmed_round);
  for (auto& want : out.snapshots) {
    if (auto offer = x.raft->offer_snapshot(want.to, x.app.meta)) {
      rows_.at(want.to.value).offered[x.app.meta.index] = x.app;
      waiting.push_back(std::move(*offer));
    }
  }
  put(waiting, out.now);
  if (out.persist) {
    auto& batch = *out.persist;
    app_state offered;
    if (batch.install)
      x.app = offered = x.offered[batch.install->index];
    x.disk.write(batch, offered);
  }
  put(waiting, out.after_persist);
  if (out.persist)
    x.raft->persisted(out.persist->id);
  for (auto& e : out.committed)
    apply(id, e);
  if (!out.committed.empty())
    x.raft->applied(out.committed.back().index);
}

void lab::settle() {
  for (int i = 0; i < 1000; ++i) {
    bool done = true;
    for (auto& [id, x] : rows_) {
      if (x.raft->ready()) {
        work(id);
        done = false;
      }
    }
    for (auto& msg : std::exchange(waiting, {})) {
      done = false;
      auto to = rows_.find(msg.to.value);
      if (to != rows_.end() && !cut_[msg.to.value] && !cut_[msg.from.value])
        to->second.raft->receive(std::move(msg));
    }
    if (done)
      return;
  }
  throw std::runtime_error("no rest");
}

void lab::tick(std::uint64_t id, std::size_t count) {
  for (; count > 0; --count)
    (*this)[id].tick();
}

void lab::elect(std::uint64_t id) {
  (void)(*this)[id].campaign();
  settle();
}

std::vector<message> lab::take_from(std::uint64_t id) {
  work(id);
  std::vector<message> out;
  for (auto& x : waiting)
    if (x.from.value == id)
      out.push_back(x);
  std::erase_if(waiting, [&](auto& x) { return x.from.value == id; });
  return out;
}

} // namespace troupe::raft::sim
