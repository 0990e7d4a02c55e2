#include <test/actor/plane_world.hpp>
#include <test/catch.hpp>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/payload/protobuf_inspect.hpp>
#include <troupe/proto/message.pb.h>

using namespace troupe;
using namespace troupe::test;

namespace {

world::behavior_function doubler(lines* log = nullptr) {
  return [log](partition*) -> caf::behavior {
    return {
        [log](const std::string& key, int x) {
          if (log)
            log->push_back(key + " " + std::to_string(x));
          return x * 2;
        },
        [](std::string& key, std::string& x) { return key += x; },
        [](std::string, double) -> caf::result<int> {
          return caf::make_error(caf::sec::invalid_argument);
        },
        [](const std::string&, float) -> caf::result<int> {
          return make_error(errc::conflict, "not now");
        },
    };
  };
}

// Forwards (key, atom) of partition i to partition i + 1.
world::behavior_function chain(world& w, std::size_t node, partition_id next) {
  return [&w, node, next](partition* self) -> caf::behavior {
    return {[&w, self, node, next](const std::string& key, caf::atom_value x) {
      return self->delegate(w.router(node), to_partition{next, key}, x);
    }};
  };
}

bool is_dead(world::host& h, errc why) {
  return h.letters.size() == 1 && h.letters[0].why == why;
}

} // namespace

TEST_CASE("routing: handlers take key and payload by value, constant and "
          "mutable reference, here and from another node",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  auto from = GENERATE(1, 2);
  w.ask(from, std::string{"k"}, 21);
  w.ask(from, std::string{"k"}, std::string{"v"});
  w.run();
  CHECK(w.answers == lines{"42", "kv"});
}

TEST_CASE("routing: errors of handlers keep category and code",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  auto from = GENERATE(1, 2);
  w.ask(from, std::string{"k"}, 1.5);
  w.ask(from, std::string{"k"}, 1.5f);
  w.ask(from, std::string{"k"}, caf::atom("what"));
  w.run();
  auto sec = "error of system "
             + std::to_string(static_cast<int>(caf::sec::invalid_argument));
  CHECK(w.answers == lines{sec, "error conflict", "error handler_failed"});
}

TEST_CASE("routing: many requests to another node are answered in order",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  lines expected;
  for (int i = 0; i < 500; ++i) {
    w.ask(2, std::string{"k"}, i);
    expected.push_back(std::to_string(2 * i));
  }
  w.run();
  CHECK(w.answers == expected);
}

TEST_CASE("routing: a plain message's answer finds its sender",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  auto from = GENERATE(1, 2);
  w.tell(from, std::string{"k"}, 4);
  w.run();
  CHECK(w.answers == lines{"(8)"});
}

TEST_CASE("routing: a message may name its partition", "[actor][routing]") {
  world w{2, 4};
  lines log;
  w.place(1, epoch{5}, doubler(&log), 3);
  auto from = GENERATE(1, 2);
  w.ask(from, to_partition{3, "k"}, 4);
  w.ask(from, to_partition{4, "k"}, 4);
  w.run();
  std::sort(w.answers.begin(), w.answers.end());
  CHECK(w.answers == lines{"8", "error partition_out_of_range"});
  CHECK(log == lines{"k 4"});
  CHECK(is_dead(w.on(from), errc::partition_out_of_range));
}

TEST_CASE("routing: [SF-9] what is no message to a region is refused at once",
          "[actor][routing]") {
  world w;
  w.place(1, epoch{5}, doubler());
  SECTION("no payload") {
    w.ask(1, std::string{"k"});
    CHECK(w.answers == lines{"error malformed_message"});
    CHECK(is_dead(w.on(1), errc::malformed_message));
  }
  SECTION("another first element") {
    w.ask(1, 1, 2);
    CHECK(w.answers == lines{"error malformed_message"});
    CHECK(is_dead(w.on(1), errc::malformed_message));
  }
  SECTION("a long key") {
    w.ask(1, std::string(w.settings.key_bytes_max, 'k'), 1);
    w.ask(1, std::string(w.settings.key_bytes_max + 1, 'k'), 1);
    CHECK(w.answers == lines{"2", "error key_too_long"});
    CHECK(is_dead(w.on(1), errc::key_too_long));
  }
  SECTION("a long key beside a partition") {
    w.ask(1, to_partition{0, std::string(w.settings.key_bytes_max + 1, 'k')},
          1);
    CHECK(w.answers == lines{"error key_too_long"});
  }
}

TEST_CASE("routing: before the start and after the stop messages are refused",
          "[actor][routing]") {
  world w;
  world::host late{w, node_id{9}};
  auto ask = [&] {
    w.clients.push_back(w.sys->spawn([&](caf::event_based_actor* self) {
      auto mid = self->new_request_id(caf::message_priority::normal);
      self->add_multiplexed_response_handler(
          mid.response_id(), caf::behavior{[&](caf::error& x) {
            w.answers.push_back(show(caf::make_message(x)));
          }});
      late.region->router->enqueue(self->ctrl(), mid,
                                   caf::make_message(std::string{"k"}, 1),
                                   self->context());
    }));
    w.run_actors();
  };
  ask();
  CHECK(w.answers == lines{"error wrong_state"});
  late.attach();
  ask(); // is held: nobody owns the partition
  CHECK(w.answers.size() == 1);
  late.plane->stop();
  ask();
  CHECK(w.answers
        == lines{"error wrong_state", "error stopping", "error stopping"});
  w.run();
}

TEST_CASE("routing: a type that cannot travel is refused before it does",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  w.ask_message(2, caf::make_message(std::string{"k"},
                                     caf::actor_cast<caf::actor>(w.router(2))));
  w.run();
  CHECK(w.answers == lines{"error unknown_type"});
}

TEST_CASE("routing: messages and answers over the frame limit are errors",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  auto max = w.on(1).net.bytes_max;
  w.ask(2, std::string{"k"}, std::string(w.settings.frame_bytes_max, 'x'));
  w.ask(2, std::string{"k"}, std::string(max, 'x')); // for the link
  w.on(1).net.bytes_max = 1000;
  w.ask(2, std::string{"k"}, std::string(2000, 'x')); // on the way back
  w.run();
  CHECK(w.answers == lines(3, "error message_too_large"));
}

TEST_CASE("routing: a full link tells senders of all kinds",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  w.on(2).net.refuse[node_id{1}] = link::send_result::overloaded;
  w.ask(2, std::string{"k"}, 1);
  w.tell(2, std::string{"k"}, 1);
  w.run();
  CHECK(w.answers == lines{"error overloaded", "error overloaded"});
  CHECK(w.on(2).letters.size() == 2);
  w.on(2).net.refuse.clear();
  w.ask(2, std::string{"k"}, 1);
  w.run();
  CHECK(w.answers.back() == "2");
}

TEST_CASE("routing: what is sent to an owner that has left goes to the next",
          "[actor][routing]") {
  world w{3};
  w.place(1, epoch{5}, doubler());
  w.on(2).net.refuse[node_id{1}] = link::send_result::unknown_peer;
  w.ask(2, std::string{"k"}, 1);
  w.ask(2, std::string{"k"}, 2);
  w.run();
  CHECK(w.answers.empty());
  CHECK(w.on(2).letters.empty());
  w.on(2).plane->owner_lost(node_id{1}, incarnation{1}, log_index{1000});
  w.run();
  CHECK(w.answers.empty());
  w.place(3, epoch{9}, doubler());
  w.run();
  CHECK(w.answers == lines{"2", "4"});
}

TEST_CASE("routing: a delegated request is answered by the last in the chain",
          "[actor][routing]") {
  world w{3, 3};
  w.place(1, epoch{5}, chain(w, 1, 1), 0);
  w.place(2, epoch{6}, chain(w, 2, 2), 1);
  w.place(
      3, epoch{7},
      [](partition*) -> caf::behavior {
        return {
            [](const std::string& key, caf::atom_value) { return key + "!"; }};
      },
      2);
  w.ask(3, to_partition{0, "k"}, caf::atom("go"));
  w.run();
  CHECK(w.answers == lines{"k!"});
  for (std::size_t n = 1; n <= 2; ++n) { // done with it: nothing keeps it open
    w.pause(n, epoch{4 + n}, static_cast<partition_id>(n - 1));
    w.run();
    CHECK(w.on(n).reports.back() == "stopped " + std::to_string(4 + n));
  }
}

TEST_CASE("routing: what was handed on to a partition here moves with it",
          "[actor][routing]") {
  world w{2, 2};
  auto end = [](partition*) -> caf::behavior {
    return {[](const std::string& key, caf::atom_value) { return key + "!"; }};
  };
  w.place(1, epoch{5}, chain(w, 1, 1), 0);
  w.place(1, epoch{6}, end, 1);
  w.ask(2, to_partition{0, "k"}, caf::atom("go"));
  while (w.deliver_one(2, 1))
    ;
  w.jobs().run_once(); // the first partition hands it on
  w.lease(1, 0s);      // the second one does not begin
  w.run();
  w.actor(1, epoch{6}).kill();
  w.on(1).plane->close(w.key(1), epoch{6});
  w.lease(1, 10s);
  w.run();
  CHECK(w.answers.empty());
  w.place(2, epoch{7}, end, 1);
  w.run();
  CHECK(w.answers == lines{"k!"});
}

TEST_CASE("routing: [R-7] a forwarding loop ends at the hop limit",
          "[actor][routing]") {
  world w{2, 2};
  w.place(1, epoch{5}, chain(w, 1, 1), 0);
  w.place(2, epoch{6}, chain(w, 2, 0), 1);
  w.ask(1, to_partition{0, "k"}, caf::atom("go"));
  w.run();
  CHECK(w.answers == lines{"error hop_limit"});
  w.pause(1, epoch{5}, 0);
  w.pause(2, epoch{6}, 1);
  w.run();
  CHECK(w.on(1).reports.back() == "stopped 5");
  CHECK(w.on(2).reports.back() == "stopped 6");
}

TEST_CASE("routing: messages that handlers send are new, not forwarded",
          "[actor][routing]") {
  world w{2, 2};
  int left = 20;
  auto player = [&](std::size_t node, partition_id other) {
    return [&, node, other](partition* self) -> caf::behavior {
      return {[&, self, node, other](const std::string& key, int x) {
        if (--left > 0)
          self->send(w.router(node), to_partition{other, key}, x);
      }};
    };
  };
  w.place(1, epoch{5}, player(1, 1), 0);
  w.place(2, epoch{6}, player(2, 0), 1);
  w.tell(1, to_partition{0, "k"}, 1);
  w.run();
  CHECK(left == 0);
}

TEST_CASE("routing: a composed request passes all its stages",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, [](partition*) -> caf::behavior {
    return {[](const std::string&, int x) { return x * 2; }};
  });
  auto after = w.sys->spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](int x) { return x + 1; }};
  });
  w.clients.push_back(after);
  auto from = GENERATE(1, 2);
  // As `after * router` builds it.
  w.clients.push_back(w.sys->spawn([&, from](caf::event_based_actor* self) {
    auto mid = self->new_request_id(caf::message_priority::normal);
    self->add_multiplexed_response_handler(
        mid.response_id(),
        caf::behavior{[&](int x) { w.answers.push_back(std::to_string(x)); }});
    w.router(from)->enqueue(caf::make_mailbox_element(
                                self->ctrl(), mid,
                                {caf::actor_cast<caf::strong_actor_ptr>(after)},
                                caf::make_message(std::string{"k"}, 20)),
                            self->context());
  }));
  w.run();
  CHECK(w.answers == lines{"41"});
}

TEST_CASE("routing: an answer goes on to a router, here or elsewhere",
          "[actor][routing]") {
  world w{2, 2};
  std::string key = "k";
  while (partition_of(key, 2) != 1)
    key += 'k';
  w.place(
      1, epoch{5},
      [&](partition*) -> caf::behavior {
        return {
            [&](const std::string&, int x) -> caf::result<std::string, int> {
              return {key, x * 2};
            }};
      },
      0);
  w.place(
      2, epoch{6},
      [](partition*) -> caf::behavior {
        return {[](const std::string& name, int x) {
          return name + " " + std::to_string(x);
        }};
      },
      1);
  auto from = GENERATE(1, 2);
  auto via = GENERATE(1, 2);
  // As `router * router` builds it.
  w.clients.push_back(w.sys->spawn([&](caf::event_based_actor* self) {
    auto mid = self->new_request_id(caf::message_priority::normal);
    self->add_multiplexed_response_handler(
        mid.response_id(),
        caf::behavior{[&](const std::string& x) { w.answers.push_back(x); }});
    w.router(from)->enqueue(
        caf::make_mailbox_element(
            self->ctrl(), mid,
            {caf::actor_cast<caf::strong_actor_ptr>(w.router(via))},
            caf::make_message(to_partition{0, "k"}, 20)),
        self->context());
  }));
  w.run();
  CHECK(w.answers == lines{key + " 40"});
  CHECK(w.on(1).letters.empty());
  CHECK(w.on(2).letters.empty());
}

TEST_CASE("routing: an ask says by which nodes it was answered",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, [](partition*) -> caf::behavior {
    return {[](const std::string&, int x) { return x; }};
  });
  auto from = GENERATE(1u, 2u);
  traced_answer got;
  caf::actor_config cfg;
  auto sink = caf::make_actor<ask_sink, caf::strong_actor_ptr>(
      w.sys->next_actor_id(), w.sys->node(), w.sys.get(), cfg, node_id{from},
      [&](traced_answer x) { got = std::move(x); });
  w.on(from).plane->accept(
      *w.on(from).region,
      caf::make_mailbox_element(
          sink, caf::make_message_id(1), {},
          caf::make_message(std::string{"k"}, proto::Ping{})),
      nullptr);
  w.run();
  CHECK(got.at == epoch{5});
  CHECK(got.path
        == (from == 1 ? std::vector<std::uint64_t>{1}
                      : std::vector<std::uint64_t>{2, 1}));
  REQUIRE(got.content.match_elements<proto::Pong>());
  CHECK(got.content.get_as<proto::Pong>(0).node() == 1);
}

TEST_CASE("routing: [R-21] malformed frames are counted and harm nothing",
          "[actor][routing]") {
  world w{2};
  w.place(1, epoch{5}, doubler());
  auto& plane = *w.on(1).plane;
  auto before = plane.malformed();
  for (auto kind :
       {frame_kind::message, frame_kind::answer, frame_kind::give_back,
        frame_kind::fence, frame_kind::fenced, frame_kind{99}}) {
    plane.receive(node_id{2}, incarnation{1}, kind, "");
    plane.receive(node_id{2}, incarnation{1}, kind, "\xff\xff\xff\xff");
    plane.receive(node_id{2}, incarnation{1}, kind,
                  std::string("\2\0\0\0\xff\xff", 6));
  }
  CHECK(plane.malformed() == before + 18);
  // A number that CAF would take for flags of a response.
  proto::Message header;
  header.set_region(1);
  header.set_epoch(5);
  header.set_request(~0ull);
  auto bytes = header.SerializeAsString();
  std::string frame(4, '\0');
  frame[0] = static_cast<char>(bytes.size());
  plane.receive(node_id{2}, incarnation{1}, frame_kind::message, frame + bytes);
  CHECK(plane.malformed() == before + 19);
  w.ask(2, std::string{"k"}, 1);
  w.run();
  CHECK(w.answers == lines{"2"});
}
