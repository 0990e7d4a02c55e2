#include "fixture.hpp"

#include <functional>

using namespace payload_test;
using troupe::test::Add;
using troupe::test::Total;

namespace {

/// What the actors of a test have seen, in order.
using journal = std::vector<std::string>;

std::string note(const std::string& key, const Add& msg) {
  return key + ":" + std::to_string(msg.by_how_much());
}

caf::actor spawn(fixture& f, std::function<caf::behavior()> make) {
  return f.sys.spawn([make](caf::event_based_actor*) { return make(); });
}

void enqueue(const caf::actor& to, caf::mailbox_element_ptr what) {
  to->enqueue(std::move(what), nullptr);
}

} // namespace

TEST_CASE("handlers take a decoded message in every way CAF has",
          "[unit][payload]") {
  fixture f;
  journal seen;
  auto check = [&](std::function<caf::behavior()> make) {
    auto actor = spawn(f, std::move(make));
    enqueue(actor, f.element(f.encode(add(5))));
    f.run();
    CHECK(seen == journal{"key:5"});
  };
  SECTION("by const reference") {
    check([&] {
      return caf::behavior{[&](const std::string& key, const Add& msg) {
        seen.push_back(note(key, msg));
      }};
    });
  }
  SECTION("by value") {
    check([&] {
      return caf::behavior{
          [&](std::string key, Add msg) { seen.push_back(note(key, msg)); }};
    });
  }
  SECTION("by mutable reference") {
    check([&] {
      return caf::behavior{[&](std::string& key, Add& msg) {
        msg.set_by_how_much(msg.by_how_much() + 1);
        msg.set_by_how_much(msg.by_how_much() - 1);
        seen.push_back(note(key, msg));
      }};
    });
  }
  SECTION("by param") {
    check([&] {
      return caf::behavior{[&](const std::string& key, caf::param<Add> msg) {
        msg.get_mutable();
        seen.push_back(note(key, msg.get()));
      }};
    });
  }
  SECTION("behind cases that do not match") {
    check([&] {
      return caf::behavior{
          [&](const std::string&, const Total&) { seen.push_back("total"); },
          [&](const Add&) { seen.push_back("no key"); },
          [&](const std::string&, const std::string&) {
            seen.push_back("text");
          },
          [&](const std::string& key, const Add& msg) {
            seen.push_back(note(key, msg));
          }};
    });
  }
}

TEST_CASE("protobuf and other elements reach one handler", "[unit][payload]") {
  fixture f;
  journal seen;
  auto actor = spawn(f, [&] {
    return caf::behavior{[&](const std::string& key, const Add& msg, point at,
                             std::int32_t n, const Total& sum) {
      seen.push_back(note(key, msg));
      CHECK(at.y == 2);
      CHECK(n == 3);
      CHECK(sum.value() == 4);
    }};
  });
  enqueue(actor,
          f.element(f.encode(add(9), point{1, 2}, std::int32_t{3}, total(4))));
  f.run();
  CHECK(seen == journal{"key:9"});
}

TEST_CASE("a skipped message is taken later", "[unit][payload]") {
  fixture f;
  journal seen;
  auto actor = f.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::skip);
    return {[&, self](const std::string&, const Total&) {
      self->become([&](const std::string& key, const Add& msg) {
        seen.push_back(note(key, msg));
      });
    }};
  });
  enqueue(actor, f.element(f.encode(add(1))));
  enqueue(actor, f.element(f.encode(add(2))));
  f.run();
  CHECK(seen.empty());
  enqueue(actor, f.element(f.encode(total(0))));
  f.run();
  CHECK(seen == journal{"key:1", "key:2"});
}

TEST_CASE("a handler may skip by its result", "[unit][payload]") {
  fixture f;
  journal seen;
  auto actor = f.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {
        [&](const std::string&, const Add&) -> caf::result<void> {
          return caf::skip();
        },
        [&, self](const std::string&, const Total&) {
          self->become([&](const std::string& key, const Add& msg) {
            seen.push_back(note(key, msg));
          });
        },
    };
  });
  enqueue(actor, f.element(f.encode(add(1))));
  enqueue(actor, f.element(f.encode(total(0))));
  f.run();
  CHECK(seen == journal{"key:1"});
}

TEST_CASE("the default handler gets the whole message", "[unit][payload]") {
  fixture f;
  std::string seen;
  caf::message kept;
  auto actor = f.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(
        [&](caf::scheduled_actor*,
            caf::message_view& x) -> caf::result<caf::message> {
          seen = to_string(x.content());
          kept = x.move_content_to_message();
          CHECK(x.content().empty());
          return caf::message{};
        });
    return {[](int) {}};
  });
  enqueue(actor, f.element(f.encode(total(3), std::string{"more"})));
  f.run();
  CHECK(seen == R"(("key", troupe.test.Total{value: 3}, "more"))");
  CHECK(kept.match_elements<std::string, Total, std::string>());
  CHECK(kept.get_as<Total>(1).value() == 3);
}

TEST_CASE("a request that came as bytes is answered to its sender",
          "[unit][payload]") {
  fixture f;
  journal seen;
  std::int64_t sum = 0;
  auto counter = spawn(f, [&] {
    return caf::behavior{[&](const std::string&, const Add& msg) {
      return total(sum += msg.by_how_much());
    }};
  });
  auto target = counter;
  SECTION("at once") {
  }
  SECTION("by another actor, after delegate") {
    target = f.sys.spawn([counter](caf::event_based_actor* self) {
      return caf::behavior{[=](std::string& key, Add& msg) {
        return self->delegate(counter, std::move(key), std::move(msg));
      }};
    });
  }
  SECTION("later, by a response promise") {
    target = f.sys.spawn([counter](caf::event_based_actor* self) {
      return caf::behavior{[=](const std::string& key, const Add& msg) {
        auto promise = self->make_response_promise<Total>();
        self->request(counter, caf::infinite, key, msg)
            .then([=](const Total& x) mutable { promise.deliver(x); });
        return promise;
      }};
    });
  }
  SECTION("after it was delegated as a whole message") {
    target = f.sys.spawn([counter](caf::event_based_actor* self) {
      return caf::behavior{[=](const std::string&, const Add&) {
        auto msg = self->current_mailbox_element()->copy_content_to_message();
        return self->delegate(counter, std::move(msg));
      }};
    });
  }
  // Takes the part of the network: bytes in, the same request out.
  auto wire = f.sys.spawn([&, target](caf::event_based_actor* self) {
    return caf::behavior{[&, self, target](const std::string&, const Add& x) {
      auto sender = self->current_sender();
      auto mid = self->current_message_id();
      auto promise = self->make_response_promise<Total>();
      enqueue(target, f.element(f.encode(x), sender, mid));
      return promise;
    }};
  });
  for (std::int64_t n : {3, 4})
    f.sys.spawn([&, wire, n](caf::event_based_actor* self) {
      self->request(wire, caf::infinite, std::string{"key"}, add(n))
          .then(
              [&](const Total& x) {
                seen.push_back(std::to_string(x.value()));
              },
              [&](const caf::error& err) {
                seen.push_back(f.sys.render(err));
              });
    });
  f.run();
  CHECK(seen == journal{"3", "7"});
}

TEST_CASE("an answer that came as bytes is matched in then",
          "[unit][payload]") {
  fixture f;
  journal seen;
  caf::strong_actor_ptr asker;
  caf::message_id mid;
  auto remote = f.sys.spawn([&](caf::event_based_actor* self) {
    return caf::behavior{[&, self](const std::string&, const Add&) {
      asker = self->current_sender();
      mid = self->current_message_id();
      return self->make_response_promise<Total>();
    }};
  });
  f.sys.spawn([&, remote](caf::event_based_actor* self) {
    self->request(remote, caf::infinite, std::string{"key"}, add(1))
        .then(
            [&](const Total& x) {
              seen.push_back("total " + std::to_string(x.value()));
            },
            [&](const caf::error& err) { seen.push_back(f.sys.render(err)); });
  });
  f.run();
  REQUIRE(asker);
  auto answer = [&](const std::string& bytes) {
    auto element = troupe::wire_element::make(f.sys, std::nullopt, bytes);
    element->mid = mid.response_id();
    asker->enqueue(std::move(element), nullptr);
    f.run();
  };
  SECTION("with the type it waits for") {
    answer(f.encode(total(8)));
    CHECK(seen == journal{"total 8"});
  }
  SECTION("with an error") {
    answer(f.encode(make_error(caf::sec::invalid_argument, "because")));
    CHECK(seen == journal{R"(system_error(invalid_argument, ("because")))"});
  }
  SECTION("with another type, which is an error that shows it") {
    answer(f.encode(add(2)));
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].find("unexpected_response") != std::string::npos);
    CHECK(seen[0].find("by_how_much: 2") != std::string::npos);
  }
  asker = nullptr;
}

TEST_CASE("a decoded message is copied on write", "[unit][payload]") {
  fixture f;
  journal seen;
  auto make = [&] {
    return caf::behavior{[&](std::string& key, Add& msg) {
      msg.set_by_how_much(msg.by_how_much() + 1);
      key += "!";
      seen.push_back(note(key, msg));
    }};
  };
  auto first = spawn(f, make);
  auto second = spawn(f, make);
  auto msg = f.element(f.encode(add(1)))->move_content_to_message();
  REQUIRE(msg.match_elements<std::string, Add>());
  for (const auto& actor : {first, second, first})
    caf::anon_send(actor, msg);
  f.run();
  CHECK(seen == journal{"key!:2", "key!:2", "key!:2"});
  CHECK(msg.get_as<Add>(1).by_how_much() == 1);
  CHECK(msg.get_as<std::string>(0) == "key");
  auto other = msg;
  other.get_mutable_as<Add>(1).set_by_how_much(7);
  CHECK(msg.get_as<Add>(1).by_how_much() == 1);
  CHECK(other.get_as<Add>(1).by_how_much() == 7);
}

TEST_CASE("decoded elements go into other messages", "[unit][payload]") {
  fixture f;
  auto msg =
      f.element(f.encode(add(1), point{2, 3}))->move_content_to_message();
  caf::message_builder builder;
  builder.append(msg.get_as<Add>(1)).append(std::string{"tail"});
  auto head = caf::message::copy(msg);
  auto built = builder.to_message();
  REQUIRE(built.match_elements<Add, std::string>());
  CHECK(built.get_as<Add>(0).by_how_much() == 1);
  REQUIRE(head.match_elements<std::string, Add, point>());
  CHECK(head.type_token() == msg.type_token());
  CHECK(to_string(head) == to_string(msg));
  auto joined = caf::message::concat(msg.drop(1), caf::make_message(total(4)));
  REQUIRE(joined.match_elements<Add, point, Total>());
  CHECK(caf::message::copy(joined).get_as<Total>(2).value() == 4);
  CHECK(to_string(*head.copy(1)->copy()) == to_string(*msg.copy(1)));
}

TEST_CASE("an element of a decoded message is saved and loaded by itself",
          "[unit][payload]") {
  fixture f;
  auto from = f.decode(f.encode(add(1), point{2, 3}));
  auto to = f.decode(f.encode(add(8), point{9, 9}));
  std::vector<char> buf;
  caf::binary_serializer sink{f.sys, buf};
  REQUIRE(!from.cvals()->save(0, sink));
  REQUIRE(!from.copy(1)->save(sink));
  caf::binary_deserializer source{f.sys, buf};
  REQUIRE(!to.load(0, source));
  REQUIRE(!to.load(1, source));
  CHECK(to_string(to) == to_string(from));
}

TEST_CASE("actors on several threads exchange decoded messages",
          "[unit][payload]") {
  config cfg;
  cfg.set("scheduler.policy", caf::atom("sharing"));
  cfg.set("scheduler.max-threads", 2);
  caf::actor_system sys{cfg};
  constexpr std::int64_t rounds = 1'000;
  auto counter = [] {
    return caf::behavior{
        [sum = std::int64_t{0}](const std::string&, Add& msg) mutable {
          return total(sum += msg.by_how_much());
        }};
  };
  caf::scoped_actor self{sys};
  std::vector<caf::actor> actors;
  for (int i = 0; i < 4; ++i)
    actors.push_back(sys.spawn(counter));
  std::string bytes;
  REQUIRE(!troupe::encode_payload(sys, caf::make_message(add(2)), 0, bytes));
  auto shared =
      std::get<caf::message>(troupe::decode_message(sys, bytes, "key"));
  for (std::int64_t i = 0; i < rounds; ++i)
    for (const auto& actor : actors)
      if (i % 2) {
        caf::anon_send(actor, shared);
      } else {
        enqueue(actor, troupe::wire_element::make(sys, "key", bytes));
      }
  for (const auto& actor : actors)
    self->request(actor, std::chrono::seconds{30}, std::string{"key"}, add(0))
        .receive([&](const Total& x) { CHECK(x.value() == 2 * rounds); },
                 [&](const caf::error& err) { FAIL(sys.render(err)); });
}
