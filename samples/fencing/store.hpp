#pragma once

#include <caf/event_based_actor.hpp>
#include <caf/meta/type_name.hpp>

#include "database.hpp"

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ownership& x) {
  return f(caf::meta::type_name("ownership"), x.partition, x.epoch);
}

/// From a partition to its node's store; answered by the balances.
struct claim_partition {
  ownership who;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, claim_partition& x) {
  return f(caf::meta::type_name("claim_partition"), x.who);
}

/// From a partition to its node's store; answered by nothing, or an error.
struct write_balance {
  ownership who;
  std::string account;
  std::int64_t balance = 0;
  bool pause_before_write = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, write_balance& x) {
  return f(caf::meta::type_name("write_balance"), x.who, x.account, x.balance,
           x.pause_before_write);
}

struct store_options {
  std::string database; // see `database`
  std::string node;     // this node's name
  bool fencing = true;
  bool pause_before_write = false; // obey what asks for it
};

/// The node's connection to the database, spawned detached: libpq blocks, and
/// CAF has about as many workers as there are cores, which belong to the
/// partitions. A connection for each partition would be too many for the
/// server; and what one partition asks of this actor is done in order.
///
/// Errors: not_owner, the write was fenced; handler_failed, the database
///         refused; outcome_unknown, the connection broke.
caf::behavior store(caf::event_based_actor* self, store_options options);
