#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include <troupe/runtime/group/election.hpp>

/// Hands messages over at once, to those that are there.
class memory_network {
public:
  using member_id = troupe::raft::member_id;

  void join(member_id who, troupe::raft::election* to) {
    std::lock_guard guard{mutex_};
    members_[who] = to;
  }
  void leave(member_id who) {
    std::lock_guard guard{mutex_};
    members_.erase(who);
  }
  void send(member_id from, member_id to, std::string_view bytes) {
    std::lock_guard guard{mutex_};
    if (auto i = members_.find(to); i != members_.end())
      i->second->receive(from, std::string{bytes});
  }

private:
  std::mutex mutex_;
  std::map<member_id, troupe::raft::election*> members_;
};
