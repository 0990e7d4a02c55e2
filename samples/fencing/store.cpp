#include "store.hpp"

#include <csignal>
#include <iostream>

#include <troupe/actors/error.hpp>

namespace {

caf::error to_error(const written& what) {
  switch (what.what) {
  case outcome::fenced:
    return troupe::make_error(troupe::errc::not_owner, what.why);
  case outcome::unknown:
    return troupe::make_error(troupe::errc::outcome_unknown, what.why);
  default:
    return troupe::make_error(troupe::errc::handler_failed, what.why);
  }
}

std::string to_string(ownership who) {
  return "partition " + std::to_string(who.partition) + ", epoch "
         + std::to_string(who.epoch);
}

} // namespace

caf::behavior store(caf::event_based_actor*, store_options options) {
  auto db = std::make_shared<database>(options.database, options.node,
                                       options.fencing);
  auto say = [=](const std::string& text) {
    std::cerr << "store of " + options.node + ": " + text + "\n";
  };
  return {
      [=](const claim_partition& x)
          -> caf::result<std::map<std::string, std::int64_t>> {
        auto got = db->claim(x.who);
        if (got.what == outcome::done)
          return std::move(got.balances);
        say("cannot claim " + to_string(x.who) + ": " + got.why);
        return to_error(got);
      },
      [=](const write_balance& x) -> caf::result<void> {
        auto text = x.account + " = " + std::to_string(x.balance) + " ("
                    + to_string(x.who) + ")";
        bool pause = x.pause_before_write && options.pause_before_write;
        if (pause) {
          say("stops before it writes " + text);
          std::raise(SIGSTOP); // the whole process, until SIGCONT
          say("goes on");
        }
        auto got = db->write(x.who, x.account, x.balance);
        if (got.what == outcome::done) {
          if (pause)
            say("wrote " + text);
          return caf::unit;
        }
        say(got.what == outcome::fenced
                ? "fenced, did not write " + text + ": " + got.why
                : "may not have written " + text + ": " + got.why);
        return to_error(got);
      },
  };
}
