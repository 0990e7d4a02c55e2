#include "account_partition.hpp"

#include <limits>

#include <troupe/actors/error.hpp>

namespace {

// The store's own limits come first.
constexpr std::chrono::seconds store_timeout{20};

bank::Balance to_message(std::int64_t balance) {
  bank::Balance out;
  out.set_balance(balance);
  return out;
}

} // namespace

account_partition::account_partition(caf::actor_config& cfg,
                                     troupe::partition_context context,
                                     caf::weak_actor_ptr store)
    : troupe::partition(cfg, std::move(context)), store_(std::move(store)) {
}

caf::behavior account_partition::make_behavior() {
  // At once, and not with the first message: from here on no earlier owner's
  // write is done. If it fails, the first message tries again.
  on_start([=, this](troupe::epoch) { claim([] {}, [](auto&) {}); });
  return {
      [=, this](const std::string& account, const bank::Deposit& msg) {
        auto answer = make_response_promise<bank::Balance>();
        claim([=, this] { deposit(account, msg, answer); },
              [=](const caf::error& why) mutable { answer.deliver(why); });
        return answer;
      },
      [=, this](const std::string& account, const bank::Read&) {
        auto answer = make_response_promise<bank::Balance>();
        claim(
            [=, this]() mutable {
              answer.deliver(to_message(balance_of(account)));
            },
            [=](const caf::error& why) mutable { answer.deliver(why); });
        return answer;
      },
  };
}

void account_partition::claim(
    std::function<void()> then,
    std::function<void(const caf::error&)> otherwise) {
  if (claimed_)
    return then();
  request(store(), store_timeout, claim_partition{who()})
      .await(
          [=, this](std::map<std::string, std::int64_t>& found) {
            balances_ = std::move(found);
            claimed_ = true;
            then();
          },
          [=](const caf::error& why) { otherwise(why); });
}

std::int64_t account_partition::balance_of(const std::string& account) const {
  auto found = balances_.find(account);
  return found == balances_.end() ? 0 : found->second;
}

void account_partition::deposit(const std::string& account,
                                const bank::Deposit& msg, promise answer) {
  auto before = balance_of(account);
  if (msg.amount() <= 0
      || msg.amount() > std::numeric_limits<std::int64_t>::max() - before) {
    answer.deliver(troupe::make_error(troupe::errc::handler_failed,
                                      "a deposit is more than 0, and its sum "
                                      "fits 64 bits"));
    return;
  }
  auto after = before + msg.amount();
  request(store(), store_timeout,
          write_balance{who(), account, after, msg.pause_before_write()})
      .await(
          [=, this]() mutable {
            balances_[account] = after;
            answer.deliver(to_message(after));
          },
          [=, this](const caf::error& why) mutable {
            answer.deliver(why);
            // The database refused: it is as it was. Else nobody knows.
            if (troupe::code_of(why) != troupe::errc::handler_failed)
              quit(why);
          });
}
