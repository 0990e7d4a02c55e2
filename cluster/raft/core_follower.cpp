#include <troupe/cluster/raft/core_impl.hpp>

#include <algorithm>

// A follower's log and snapshots (thesis, 3.5 and 5.1).
namespace troupe::raft {

bool core::impl::follow(member_id leader) {
  bool other = leader_ && leader_ != leader && !cfg_.as_etcd;
  if (role_ == role::leader || other) {
    ++ignored_; // a term has one leader
    return false;
  }
  if (role_ != role::follower)
    become_follower(term_, leader);
  election_elapsed_ = 0;
  ack_tick_ = ticks_;
  set_leader(leader);
  note_leadership();
  return true;
}

void core::impl::on(const message& msg, const append_request& x) {
  if (!follow(msg.from))
    return;
  if (x.prev_index < log_.committed()) {
    send(msg.from, append_reply{log_.committed()});
    return;
  }
  position prev{x.prev_index, x.prev_term};
  if (!log_.holds(prev)) {
    auto hint =
        log_.meeting_point(std::min(x.prev_index, log_.last()), x.prev_term);
    send(msg.from, append_refusal{x.prev_index, hint.index, hint.term});
    return;
  }
  log_.merge(prev, x.entries);
  // What lies behind the entries of this message may be of another leader.
  log_index matched{x.prev_index.value + x.entries.size()};
  log_.commit_to(std::min(x.commit, matched));
  send(msg.from, append_reply{matched});
}

void core::impl::on(const message& msg, const heartbeat& x) {
  if (!follow(msg.from))
    return;
  log_.commit_to(x.commit);
  send(msg.from, heartbeat_reply{x.round});
}

void core::impl::on(const message& msg, const snapshot_offer& x) {
  if (!follow(msg.from))
    return;
  bool installed = install(x.meta);
  send(msg.from, append_reply{installed ? log_.last() : log_.committed()});
}

bool core::impl::install(const snapshot_meta& meta) {
  if (meta.index <= log_.committed()
      || (cfg_.as_etcd && !is_member(meta.conf, cfg_.self)))
    return false;
  if (log_.holds({meta.index, meta.term})) {
    log_.commit_to(meta.index);
    return false;
  }
  log_.install(meta);
  changed_at_ = meta.index;
  members_.switch_to(meta.conf, log_.last());
  members_.reset(log_.last());
  return true;
}

} // namespace troupe::raft
