#include <troupe/cluster/link/session.hpp>

#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::link;

namespace {

identity node(std::uint64_t id, std::uint64_t start = 1) {
  identity x;
  x.cluster.fill(1);
  x.node = node_id{id};
  x.incarnation = incarnation{start};
  x.boot = 100 * id + start;
  return x;
}

/// One side: what it is, and its session with the other.
struct side {
  explicit side(identity x, std::uint64_t session = 1) : self(std::move(x)) {
    ses.begin(session);
  }

  hello greet(const side& to, std::uint64_t attempt) {
    ses.dialling();
    ses.greeting(attempt);
    return {{1, 1}, self, to.self.node, ses.claim(attempt, received)};
  }

  hello answer(const hello& x) const {
    return {{1, 1}, self, x.from.node, ses.claim(x.resume.attempt, received)};
  }

  /// The code of the refusal, or none.
  std::optional<refusal_code> judge(const hello& x) const {
    auto verdict = ses.judge(x, self, known, gone);
    if (auto* no = std::get_if<refusal>(&verdict))
      return no->code;
    return std::nullopt;
  }

  std::optional<end_reason> restart(const hello& x) const {
    return std::get<session::plan>(ses.judge(x, self, known, gone)).restart;
  }

  void accept(const hello& x) {
    REQUIRE(!judge(x));
    ses.accept(x);
    known = x.from.incarnation;
  }

  void welcomed(const hello& x) {
    auto verdict = ses.judge_welcome(x, self, known, gone);
    REQUIRE(std::holds_alternative<session::plan>(verdict));
    ses.welcomed(x);
    known = x.from.incarnation;
  }

  identity self;
  session ses;
  incarnation known;
  incarnation gone;
  std::uint64_t received = 0;
};

/// `a` dials `b`, all goes well.
void connect(side& a, side& b, std::uint64_t attempt) {
  auto x = a.greet(b, attempt);
  b.accept(x);
  a.welcomed(b.answer(x));
}

} // namespace

TEST_CASE("session: two strangers agree", "[unit][link]") {
  side a{node(1), 11}, b{node(2), 22};
  connect(a, b, 5);
  CHECK(a.ses.live());
  CHECK(b.ses.live());
  CHECK(a.ses.claim(6, 0).peer_session == 22);
  CHECK(b.ses.claim(6, 0).peer_session == 11);
  CHECK(b.ses.claim(6, 0).attempt_seen == 5);
}

TEST_CASE("session: a lost connection is resumed from either side",
          "[unit][link]") {
  side a{node(1)}, b{node(2)};
  connect(a, b, 1);
  a.received = 7;
  a.ses.disconnected();
  SECTION("the dialler dials again, before the acceptor knows") {
    auto x = a.greet(b, 2);
    CHECK(x.resume.received == 7);
    CHECK(!b.restart(x));
    b.accept(x);
    a.welcomed(b.answer(x));
  }
  SECTION("the acceptor dials back") {
    b.ses.disconnected();
    connect(b, a, 1);
  }
  SECTION("the acceptor dials back while the dialler believes in the old one") {
    a.welcomed([&] {
      auto x = a.greet(b, 2);
      b.accept(x);
      return b.answer(x);
    }());
    b.ses.disconnected();
    connect(b, a, 1);
  }
  CHECK(a.ses.live());
  CHECK(b.ses.live());
}

TEST_CASE("session: of two dials that cross the lower node's is kept",
          "[unit][link]") {
  side a{node(1)}, b{node(2)};
  auto of_a = a.greet(b, 1);
  auto of_b = b.greet(a, 1);
  CHECK(a.judge(of_b) == refusal_code::superseded);
  CHECK(!b.judge(of_a));
  b.accept(of_a);
  a.welcomed(b.answer(of_a));
  SECTION("a hello that the peer gave up long ago changes nothing") {
    CHECK(a.judge(of_b) == refusal_code::superseded);
    CHECK(a.ses.live());
  }
  SECTION("a dial made after the kept one was lost counts") {
    b.ses.disconnected();
    CHECK(!a.judge(b.greet(a, 2)));
  }
}

TEST_CASE("session: a dial that is not through yet gives way", "[unit][link]") {
  side a{node(1)}, b{node(2)};
  a.ses.dialling();
  CHECK(!a.judge(b.greet(a, 1)));
}

TEST_CASE("session: an older or replayed hello never replaces a newer one "
          "[R-21]",
          "[unit][link]") {
  side a{node(1)}, b{node(2)};
  auto old = a.greet(b, 3);
  a.ses.disconnected();
  auto now = a.greet(b, 4);
  b.accept(now);
  CHECK(b.judge(old) == refusal_code::stale_hello);
  CHECK(b.judge(now) == refusal_code::stale_hello);
  b.ses.disconnected();
  CHECK(b.judge(old) == refusal_code::stale_hello);
}

TEST_CASE("session: a new incarnation voids the session", "[unit][link]") {
  side a{node(1), 11}, b{node(2), 22};
  connect(a, b, 1);
  side b2{node(2, 2), 23};
  SECTION("when it dials") {
    auto x = b2.greet(a, 1);
    CHECK(a.restart(x) == end_reason::new_incarnation);
  }
  SECTION("when it is dialled, it refuses what it does not know") {
    a.ses.disconnected();
    CHECK(b2.judge(a.greet(b2, 2)) == refusal_code::session_over);
  }
  SECTION("when it answers to who never met the old one") {
    side c{node(3), 33};
    c.known = incarnation{1}; // from the map
    auto x = c.greet(b2, 1);
    b2.accept(x);
    auto verdict = c.ses.judge_welcome(b2.answer(x), c.self, c.known, c.gone);
    CHECK(std::get<session::plan>(verdict).restart
          == end_reason::new_incarnation);
  }
}

TEST_CASE("session: an older incarnation is refused by name", "[unit][link]") {
  side a{node(1)}, b{node(2, 3)};
  a.known = incarnation{4};
  auto verdict = a.ses.judge(b.greet(a, 1), a.self, a.known, a.gone);
  auto& no = std::get<refusal>(verdict);
  CHECK(no.code == refusal_code::stale_incarnation);
  CHECK(no.text
        == "node 2 is start 3, but start 4 is known; end the older process");
  SECTION("also one that said goodbye") {
    side c{node(2, 4)};
    a.gone = incarnation{4};
    CHECK(a.judge(c.greet(a, 1)) == refusal_code::stale_incarnation);
    side d{node(2, 5)};
    CHECK(!a.judge(d.greet(a, 1)));
  }
}

TEST_CASE("session: two processes of one incarnation are told apart [AR-9]",
          "[unit][link]") {
  side a{node(1)}, b{node(2)};
  connect(a, b, 1);
  side copy{node(2)};
  copy.self.boot = 4711;
  CHECK(a.judge(copy.greet(a, 9)) == refusal_code::same_incarnation);
}

TEST_CASE("session: a peer that forgot begins anew", "[unit][link]") {
  side a{node(1), 11}, b{node(2), 22};
  connect(a, b, 1);
  SECTION("and dials with a session of another number") {
    b.ses.disconnected();
    b.ses.begin(23);
    auto x = b.greet(a, 2);
    // As long as the old connection seems to live, it may be its last word.
    CHECK(a.judge(x) == refusal_code::superseded);
    a.ses.disconnected();
    CHECK(a.restart(x) == end_reason::peer_forgot);
  }
  SECTION("and refuses to resume the one it dropped") {
    b.ses.disconnected();
    b.ses.begin(23);
    a.ses.disconnected();
    CHECK(b.judge(a.greet(b, 2)) == refusal_code::session_over);
    a.ses.disconnected();
    a.ses.begin(12);
    connect(a, b, 3);
  }
}

TEST_CASE("session: an answer to another question is malformed [R-21]",
          "[unit][link]") {
  side a{node(1), 11}, b{node(2), 22};
  auto x = a.greet(b, 5);
  b.accept(x);
  auto answer = b.answer(x);
  SECTION("attempt") {
    answer.resume.attempt = 4;
  }
  SECTION("session") {
    answer.resume.peer_session = 12;
  }
  SECTION("process") {
    answer.resume.peer_boot = 1;
  }
  auto verdict = a.ses.judge_welcome(answer, a.self, a.known, a.gone);
  CHECK(std::get<refusal>(verdict).code == refusal_code::malformed);
}

TEST_CASE("session: who is not one of us is refused with a sentence [R-15]",
          "[unit][link]") {
  auto self = node(1);
  hello x{{1, 1}, node(2), node_id{1}, {}};
  x.from.name = "east";
  CHECK(!check_hello(x, self, {1, 1}));
  SECTION("another protocol") {
    x.protocol = {3, 4};
    auto no = check_hello(x, self, {1, 2});
    REQUIRE(no);
    CHECK(no->code == refusal_code::protocol);
    CHECK(no->text
          == "node 2 (east) speaks link protocol 3 to 4, node 1 speaks 1 to 2; "
             "upgrade the older of the two first");
  }
  SECTION("another cluster") {
    x.from.cluster.fill(0xab);
    auto no = check_hello(x, self, {1, 1});
    REQUIRE(no);
    CHECK(no->code == refusal_code::cluster);
    CHECK(no->text
          == "node 2 (east) belongs to cluster "
             "abababababababababababababababab, node 1 to "
             "01010101010101010101010101010101; check its join list and its "
             "data directory");
  }
  SECTION("meant for another") {
    x.to = node_id{7};
    CHECK(check_hello(x, self, {1, 1})->code == refusal_code::wrong_node);
  }
  SECTION("ourselves") {
    x.from = self;
    CHECK(check_hello(x, self, {1, 1})->code == refusal_code::own_address);
    x.from.boot = 5;
    CHECK(check_hello(x, self, {1, 1})->code == refusal_code::same_incarnation);
  }
  SECTION("a range that overlaps is no reason") {
    x.protocol = {2, 9};
    CHECK(!check_hello(x, self, {1, 3}));
    CHECK(choose_protocol(x.protocol, {1, 3}) == 3);
  }
}
