#pragma once

#include <functional>

#include <troupe/troupe.hpp>

#include "bank.pb.h"
#include "store.hpp"

/// The accounts of one partition: their balances in memory, and each change in
/// the database before it is answered.
///
/// `epoch()` goes with every write and is the fencing token. What the next
/// owner has to know is in the database, so nothing is saved in a move.
///
/// While it waits for the database it begins no other message (`await`), but
/// occupies no worker of CAF's: others run. One whose write has an unknown
/// outcome, or was fenced, no longer knows its balances: it quits, and if this
/// node is still to own the partition, the next actor starts under a new epoch.
class account_partition : public troupe::partition {
public:
  account_partition(caf::actor_config& cfg, troupe::partition_context context,
                    caf::weak_actor_ptr store);

  caf::behavior make_behavior() override;
  const char* name() const override { return "account_partition"; }

private:
  using promise = caf::typed_response_promise<bank::Balance>;

  caf::actor store() const { return caf::actor_cast<caf::actor>(store_); }
  ownership who() const { return {number(), epoch().value}; }
  /// Calls `then` once `balances_` is right.
  void claim(std::function<void()> then,
             std::function<void(const caf::error&)> otherwise);
  std::int64_t balance_of(const std::string& account) const;
  void deposit(const std::string& account, const bank::Deposit& msg,
               promise answer);

  // CAF ends a detached actor's thread when nobody holds the actor any more,
  // and the region keeps what it gives to its actors until its node is gone.
  caf::weak_actor_ptr store_;
  bool claimed_ = false;
  std::map<std::string, std::int64_t> balances_; // by account
};
