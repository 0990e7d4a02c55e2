// An owner's intake by itself, and the short way into it.
#include "notes.hpp"

using namespace troupe;
using namespace troupe::note_words;

namespace {

/// What the intake of a node does.
struct door {
  intake<note> in;
  std::string log;

  void deliver(note&& m, epoch) {
    log += "mail" + std::to_string(m.number) + " ";
  }
  void deliver(const troupe::fence& f) {
    log += "mailfence" + text(f.epoch.value) + " ";
  }
  void marker(epoch) { log += "marker "; }
  void give_back(note&& m, epoch at) {
    log += "back" + std::to_string(m.number) + "@" + text(at.value) + " ";
  }
  void answer(const troupe::fence& f) {
    log += "fenced" + text(f.epoch.value) + " ";
  }

  void arrive(int n, std::uint64_t e) {
    in.arrive(numbered(n), epoch{e}, *this);
  }
  void arrive_fence(std::uint64_t e) {
    in.arrive(troupe::fence{node_id{3}, epoch{e}}, *this);
  }
  std::string did() { return std::exchange(log, {}); }
};

} // namespace

TEST_CASE("intake: a fence of another epoch is answered at once",
          "[unit][move]") {
  door d;
  d.arrive_fence(4); // nothing runs here
  d.in.open(epoch{5});
  d.arrive(1, 5);
  d.arrive_fence(4);
  d.arrive_fence(5);
  CHECK(d.did() == "fenced4 mail1 fenced4 mailfence5 ");
  d.in.close(d);
  d.arrive_fence(4);
  d.arrive_fence(6);
  d.arrive_fence(5);
  CHECK(d.did() == "marker fenced4 fenced6 ");
  d.in.stopped({}, d);
  d.arrive_fence(5);
  CHECK(d.did() == "fenced5 fenced5 ");
}

TEST_CASE("intake: a message of another epoch goes back, whatever the state",
          "[unit][move]") {
  door d;
  d.arrive(1, 5);
  d.in.open(epoch{5});
  d.arrive(2, 4);
  d.arrive(3, 6);
  d.in.close(d);
  d.arrive(4, 4);
  d.in.stopped({}, d);
  d.arrive(5, 5);
  CHECK(d.did() == "back1@5 back2@4 back3@6 marker back4@4 back5@5 ");
}

TEST_CASE("intake: one marker, and one end", "[unit][move]") {
  door d;
  d.in.close(d);
  d.in.open(epoch{5});
  d.in.close(d);
  d.in.close(d);
  d.arrive(1, 5);
  CHECK(d.did() == "marker ");
  fifo<intake<note>::parcel> left;
  left.emplace_back(numbered(2));
  left.emplace_back(troupe::fence{node_id{3}, epoch{5}});
  d.in.stopped(std::move(left), d);
  CHECK(d.did() == "back2@5 fenced5 back1@5 ");
  left.emplace_back(numbered(3));
  d.in.stopped(std::move(left), d);
  CHECK(d.did() == "");
}

// -- the short way ------------------------------------------------------------

namespace {

/// A slot's way out that only counts.
struct silent_env {
  int mailed = 0, settlements = 0;
  node_id self() { return node_id{1}; }
  void reach(node_id, incarnation) {}
  std::optional<note> send(node_id, epoch, note&&) { return std::nullopt; }
  void send(node_id, const fence&) {}
  void give_back(node_id, epoch, const route&, note&&) {}
  void answer(node_id, const fence&) {}
  void deliver(note&&, epoch) { ++mailed; }
  void deliver(const fence&) {}
  void marker(epoch) {}
  bool room(std::uint64_t, std::uint64_t) { return true; }
  bool hold(note&) { return true; }
  void unhold(const note&) {}
  void drop(note&&, errc) {}
  void lost(node_id, epoch, std::uint64_t) {}
  void settled(std::uint64_t) { ++settlements; }
};

} // namespace

TEST_CASE("slot: past it goes only what its own actor would get at once",
          "[unit][move]") {
  partition_slot<note> s;
  silent_env e;
  constexpr node_id self{1};
  auto learn = [&](stage x, std::uint64_t owner, std::uint64_t at,
                   std::uint64_t v) {
    s.learn({x, false, node_id{owner}, epoch{at}, log_index{v}}, e);
  };
  CHECK_FALSE(s.passes(self));
  s.open(epoch{5});
  CHECK_FALSE(s.passes(self)); // the map does not say so yet
  learn(stage::running, 1, 5, 5);
  CHECK(s.passes(self));
  SECTION("not when the actor is to stop") {
    s.close(e);
    CHECK_FALSE(s.passes(self));
  }
  SECTION("not when it is gone") {
    s.stopped({}, e);
    CHECK_FALSE(s.passes(self));
  }
  SECTION("not when another owns it") {
    learn(stage::running, 2, 8, 8);
    CHECK_FALSE(s.passes(self));
  }
  SECTION("not to an actor of another epoch") {
    learn(stage::running, 1, 8, 8);
    CHECK_FALSE(s.passes(self));
    s.close(e);
    s.stopped({}, e);
    s.open(epoch{8});
    CHECK(s.passes(self));
  }
  s.accept(numbered(1), e);
  CHECK(e.settlements == 0);
}

TEST_CASE("slot: what went past it is fenced", "[unit][move]") {
  partition_slot<note> s;
  silent_env e;
  s.open(epoch{5});
  s.learn({stage::running, false, node_id{1}, epoch{5}, log_index{5}}, e);
  s.passes_unseen();
  s.learn({stage::running, false, node_id{2}, epoch{8}, log_index{8}}, e);
  CHECK(s.out().current() == stream<note>::state::fencing);
  s.close(e);
  fifo<partition_slot<note>::parcel> left;
  left.emplace_back(fence{node_id{1}, epoch{5}});
  s.stopped(std::move(left), e);
  CHECK(s.out().current() == stream<note>::state::open);
  CHECK(e.settlements == 0); // what is its own nobody counts
}
