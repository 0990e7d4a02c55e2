// testing [forgetful]: a test of cart.cpp in a simulated cluster of three
// nodes. Customers shop while partitions move and nodes restart; an order whose
// answer is late is sent again, and must count once all the same. Ends with 0,
// or with 1 and what was found, which it is for the forgetful cart.
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <troupe/testing.hpp>

#include "cart.hpp"

using namespace std::chrono_literals;
using cart_function = decltype(&cart_partition);

namespace {

cart::Add add(const std::string& order, int count) {
  cart::Add out;
  out.set_order(order);
  out.set_item("apples");
  out.set_count(count);
  return out;
}

void expect_apples(int expected, const troupe::testing::region& carts,
                   std::size_t node, const std::string& customer) {
  auto got = carts.ask<cart::Content>(node, customer, cart::Get{});
  auto apples = got.items().count("apples") ? got.items().at("apples") : 0;
  if (apples != expected)
    throw std::runtime_error{customer + " ordered " + std::to_string(expected)
                             + " apples and gets " + std::to_string(apples)};
}

// An order is taken, and its answer comes too late for the customer, who sends
// it again through another node.
void orders_count_once(cart_function actor, std::uint64_t seed) {
  troupe::testing::cluster c{3, seed};
  auto carts = c.spawn_region("cart", actor, {.partitions = 8});
  c.settle();
  std::vector<std::string> customers{"alice", "bob", "carol"};
  for (int round = 0; round < 5; ++round) {
    auto order = "order " + std::to_string(round);
    for (auto& customer : customers) {
      auto to = (*carts.owner(customer) + 1) % c.size();
      auto first = carts.request(0, customer, add(order, 1));
      carts.move(customer, to);
      auto again = carts.request(1, customer, add(order, 1));
      if (!first.ok() || !again.ok())
        throw std::runtime_error{"an order was refused: " + first.error()
                                 + again.error()};
    }
    c.settle();
  }
  c.restart(2);
  c.settle();
  for (auto& customer : customers)
    expect_apples(5, carts, 2, customer);
}

// What was only in memory is gone with its node: that is no mistake, but the
// cart has to work on with the others.
void shopping_goes_on_after_a_crash(cart_function actor, std::uint64_t seed) {
  troupe::testing::cluster c{3, seed};
  auto carts = c.spawn_region("cart", actor, {.partitions = 8});
  c.settle();
  carts.ask<cart::Content>(0, "alice", add("order 0", 3));
  auto owner = *carts.owner("alice");
  c.crash(owner);
  auto other = (owner + 1) % c.size();
  c.settle();
  carts.ask<cart::Content>(other, "alice", add("order 1", 2));
  expect_apples(2, carts, other, "alice");
}

} // namespace

int main(int argc, char** argv) {
  auto actor = argc > 1 && std::string{argv[1]} == "forgetful" ? forgetful_cart
                                                               : cart_partition;
  auto began = std::chrono::steady_clock::now();
  try {
    troupe::testing::for_each_seed(1, 10, [&](std::uint64_t seed) {
      orders_count_once(actor, seed);
      shopping_goes_on_after_a_crash(actor, seed);
    });
  } catch (const std::exception& why) {
    std::cout << "failed: " << why.what() << "\n";
    return 1;
  }
  std::cout << "20 clusters in "
            << std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::steady_clock::now() - began)
                   .count()
            << " ms\n";
}
