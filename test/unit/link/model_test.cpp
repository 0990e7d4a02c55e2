#include <troupe/cluster/link/inbox.hpp>
#include <troupe/cluster/link/outbox.hpp>
#include <troupe/cluster/link/session.hpp>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <test/catch.hpp>

using namespace troupe;
using namespace troupe::link;

// Two ends of one link without sockets: bytes travel in strings, connections
// are cut wherever the test likes, and a model says what must have arrived.

namespace {

settings limits() {
  settings x;
  x.batch_bytes_max = 3000;
  return x;
}

struct end {
  end(std::uint64_t id, const settings& x)
      : what(x), out(what), in(what), reader(what.read_buffer_bytes) {
    self.cluster.fill(1);
    self.node = node_id{id};
    start();
  }

  void start() {
    self.incarnation = incarnation{self.incarnation.value + 1};
    self.boot = 1000 * self.node.value + self.incarnation.value;
    ses = session{};
    out.close();
    known = incarnation{};
    begin();
  }

  /// What was sent and taken before is void.
  void begin() {
    out.close();
    auto serial = ++counter;
    out.open(serial);
    ses.begin(serial);
    in.reset();
    sent.clear();
    taken.clear();
  }

  void drop() {
    ses.disconnected();
    known = incarnation{};
    begin();
  }

  void connect(std::uint64_t peer_received) {
    REQUIRE(out.connect(peer_received));
    in.connect();
    reader = frame_reader{what.read_buffer_bytes};
    wire.assign(preamble);
  }

  void send(const std::string& payload) {
    std::string_view parts[] = {payload};
    REQUIRE(out.append(frame_class::data, 1, parts) == send_result::accepted);
    sent.push_back(payload);
  }

  void flush(bool ack_due) {
    batch x;
    out.collect(x, {.received = in.received(), .ack_due = ack_due});
    for (auto slice : x.slices)
      wire += slice;
  }

  void take(std::string_view bytes) {
    while (!bytes.empty()) {
      auto space = reader.space();
      auto n = std::min(space.size(), bytes.size());
      std::copy_n(bytes.begin(), n, space.begin());
      reader.commit(n);
      bytes.remove_prefix(n);
      piece x;
      for (;;) {
        auto status = reader.next(x);
        REQUIRE(status != frame_reader::status::malformed);
        if (status == frame_reader::status::more)
          break;
        if (x.header.type == piece_type::ack) {
          REQUIRE(out.acknowledge(x.header.number));
          continue;
        }
        REQUIRE(!in.take(x, [&](lane, std::uint8_t, std::string_view payload) {
          taken.emplace_back(payload);
        }));
      }
    }
  }

  settings what;
  identity self;
  outbox out;
  inbox in;
  session ses;
  incarnation known;
  frame_reader reader;
  std::uint64_t counter = 0; // sessions and dials of this process
  std::string wire;          // written, not yet read by the other
  std::vector<std::string> sent;
  std::vector<std::string> taken;
};

struct pair {
  explicit pair(const settings& x = limits()) : a(1, x), b(2, x) {}

  /// What was taken is a beginning of what was sent, on both sides.
  void check() const {
    for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      REQUIRE(to->taken.size() <= from->sent.size());
      REQUIRE(
          std::equal(to->taken.begin(), to->taken.end(), from->sent.begin()));
      REQUIRE(from->in.count().pieces_duplicate == 0);
    }
  }

  bool connected() const { return up; }

  void cut() {
    up = false;
    a.wire.clear();
    b.wire.clear();
    // Each side notices in its own time; here at once.
    for (auto* x : {&a, &b}) {
      x->ses.disconnected();
      x->out.disconnect();
    }
  }

  /// What becomes of a handshake: it completes, or is cut in the middle.
  enum class fate { done, hello_lost, answer_lost };

  void dial(end& x, end& y, fate how) {
    if (up)
      cut();
    x.ses.dialling();
    auto attempt = ++x.counter;
    x.ses.greeting(attempt);
    hello said{
        {1, 1}, x.self, y.self.node, x.ses.claim(attempt, x.in.received())};
    if (how == fate::hello_lost)
      return x.ses.disconnected();
    REQUIRE(!check_hello(said, y.self, {1, 1}));
    auto verdict = y.ses.judge(said, y.self, y.known, incarnation{});
    if (auto* no = std::get_if<refusal>(&verdict)) {
      REQUIRE(no->code == refusal_code::session_over);
      x.ses.disconnected();
      x.known = y.self.incarnation;
      return x.begin();
    }
    if (std::get<session::plan>(verdict).restart)
      y.begin();
    y.known = x.self.incarnation;
    y.ses.accept(said);
    y.connect(said.resume.received);
    hello answer{
        {1, 1}, y.self, x.self.node, y.ses.claim(attempt, y.in.received())};
    if (how == fate::answer_lost) {
      y.flush(true); // all of it goes nowhere
      return cut();
    }
    auto second = x.ses.judge_welcome(answer, x.self, x.known, incarnation{});
    REQUIRE(std::holds_alternative<session::plan>(second));
    if (std::get<session::plan>(second).restart) {
      auto serial = x.out.serial();
      x.out.close();
      x.out.open(serial);
      x.sent.clear();
    }
    x.known = y.self.incarnation;
    x.ses.welcomed(answer);
    x.connect(answer.resume.received);
    up = true;
  }

  /// Up to `n` bytes of what `from` wrote reach `to`.
  void deliver(end& from, end& to, std::size_t n) {
    if (!up)
      return;
    n = std::min(n, from.wire.size());
    to.take(from.wire.substr(0, n));
    from.wire.erase(0, n);
  }

  void heal() {
    while (!up)
      dial(a, b, fate::done);
    for (int i = 0; i < 10000 && !(a.out.idle() && b.out.idle()); ++i) {
      a.flush(true);
      b.flush(true);
      deliver(a, b, 1 << 20);
      deliver(b, a, 1 << 20);
    }
    check();
    REQUIRE(a.taken.size() == b.sent.size());
    REQUIRE(b.taken.size() == a.sent.size());
    REQUIRE(a.out.unacknowledged_bytes() == 0);
    REQUIRE(b.out.unacknowledged_bytes() == 0);
  }

  end a;
  end b;
  bool up = false;
};

} // namespace

TEST_CASE("model: a cut at every byte loses, doubles and reorders nothing "
          "[R-20]",
          "[unit][link]") {
  bool a_to_b = GENERATE(true, false);
  bool redial_by_a = GENERATE(true, false);
  for (std::size_t at = 0; at < 400; ++at) {
    pair x;
    x.dial(x.a, x.b, pair::fate::done);
    auto& from = a_to_b ? x.a : x.b;
    auto& to = a_to_b ? x.b : x.a;
    for (int i = 0; i < 10; ++i)
      from.send(std::string(static_cast<std::size_t>(i), 'x')
                + std::to_string(i));
    to.send("back");
    to.flush(false);
    x.deliver(to, from, 1000);
    from.flush(true);
    x.deliver(from, to, at);
    to.flush(true);
    x.deliver(to, from, at % 37);
    x.cut();
    from.send("after");
    x.dial(redial_by_a ? x.a : x.b, redial_by_a ? x.b : x.a, pair::fate::done);
    x.heal();
  }
}

TEST_CASE("model: random cuts, lost handshakes and restarts [R-20]",
          "[unit][link]") {
  auto seed = GENERATE(range(1, 151));
  CAPTURE(seed);
  std::mt19937_64 engine{static_cast<std::uint64_t>(seed)};
  auto one_in = [&](std::uint64_t n) { return engine() % n == 0; };
  bool restarts = one_in(3);
  pair x;
  for (int step = 0; step < 300; ++step) {
    auto& from = one_in(2) ? x.a : x.b;
    auto& to = &from == &x.a ? x.b : x.a;
    switch (engine() % 8) {
    case 0:
    case 1:
      from.send(std::to_string(step)
                + std::string(one_in(20) ? 150000 : engine() % 300, 'x'));
      break;
    case 2:
    case 3:
      if (x.connected())
        from.flush(one_in(2));
      break;
    case 4:
    case 5:
      x.deliver(from, to, one_in(4) ? 100000 : engine() % 500);
      break;
    case 6:
      if (one_in(4))
        x.cut();
      break;
    case 7:
      if (!x.connected() || one_in(30))
        x.dial(from, to,
               one_in(4)   ? pair::fate::hello_lost
               : one_in(4) ? pair::fate::answer_lost
                           : pair::fate::done);
      else if (restarts && one_in(20)) {
        // What the two told each other is void; the other side learns of it
        // when they meet again.
        x.cut();
        if (one_in(2))
          from.drop();
        else
          from.start();
        to.taken.clear();
      }
      break;
    }
    x.check();
  }
  x.heal();
}
