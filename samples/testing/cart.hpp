#pragma once

#include <map>
#include <set>
#include <string>

#include <troupe/troupe.hpp>

#include "cart.pb.h"

/// Shopping carts by customer.
struct cart_state {
  struct cart {
    std::map<std::string, int> items;
    std::set<std::string> orders; // taken already
  };
  std::map<std::string, cart> carts;
};

caf::behavior cart_partition(troupe::stateful_partition<cart_state>* self);

/// The same with a mistake that no test of a single process shows: what it
/// saves lacks the orders that it took.
caf::behavior forgetful_cart(troupe::stateful_partition<cart_state>* self);
