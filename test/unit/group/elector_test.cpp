#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <test/catch.hpp>

#include <troupe/cluster/group/elector.hpp>
#include <troupe/cluster/raft/random.hpp>

using namespace troupe;
using namespace troupe::raft;
using namespace std::chrono_literals;

namespace {

// Electors whose messages go through a list, in which they may be lost. Whoever
// is switched off comes back from the record that was stored last.
class electorate {
public:
  electorate(std::uint64_t seed, std::size_t count, election_settings cfg = {})
      : luck_(seed), cfg_(cfg) {
    for (std::uint64_t i = 1; i <= count; ++i)
      all_.emplace_back(i);
    for (auto id : all_)
      start(id);
  }

  void start(member_id id) {
    auto stored =
        records_.count(id) ? std::optional{records_[id]} : std::nullopt;
    if (stored)
      REQUIRE(elector::is_record(*stored));
    members_[id] =
        std::make_unique<elector>(cfg_, id, luck_.next(), all_, stored, now_);
    work(id);
  }
  void stop(member_id id) { members_.erase(id); }
  elector& operator[](member_id id) { return *members_.at(id); }
  bool runs(member_id id) const { return members_.count(id) != 0; }

  void work(member_id id) {
    for (bool again = true; again && runs(id);) {
      auto out = members_.at(id)->take();
      for (auto& [to, bytes] : out.send)
        frames_.push_back({id, to, bytes});
      for (auto& x : out.leaders) {
        told_[id] = x;
        if (x.role != role::leader)
          continue;
        auto [i, fresh] = leaders_.insert({x.term, id});
        if (i->second != id)
          two_leaders_ = true;
      }
      again = out.store.has_value();
      if (!again)
        break;
      if (dies_storing_ != 0 && luck_.below(dies_storing_) == 0)
        return stop(id); // before it reached the disk
      records_[id] = *out.store;
      if (dies_storing_ != 0 && luck_.below(dies_storing_) == 0)
        return stop(id); // right after
      members_.at(id)->stored();
    }
  }

  // Some ticks, in which `loss` percent of the messages are lost.
  void run(int ticks, std::uint64_t loss = 0) {
    for (int i = 0; i < ticks; ++i) {
      now_ += cfg_.tick;
      for (auto id : std::vector{all_}) {
        if (!runs(id))
          continue;
        members_.at(id)->tick(now_);
        work(id);
      }
      for (std::size_t k = 0; k < frames_.size(); ++k) {
        auto x = frames_[k];
        if (!runs(x.to) || luck_.below(100) < loss
            || cut_.count(x.from) != cut_.count(x.to))
          continue;
        members_.at(x.to)->receive(x.from, x.bytes);
        work(x.to);
      }
      frames_.clear();
    }
  }

  // Whom all that run and are connected take for the leader.
  member_id leader() const {
    std::set<member_id> out;
    for (auto& [id, x] : members_)
      out.insert(x->leadership().leader);
    return out.size() == 1 ? *out.begin() : member_id{};
  }

  // Everybody that runs was told of this leader, in one term.
  bool all_told(member_id leader) const {
    for (auto& [id, x] : members_) {
      auto last = told_.find(id);
      if (last == told_.end() || last->second.leader != leader
          || last->second.term != told_.at(leader).term
          || (last->second.role == role::leader) != (id == leader))
        return false;
    }
    return true;
  }

  leadership told(member_id id) const { return told_.at(id); }

  void cut(member_id id) { cut_.insert(id); }
  void heal() { cut_.clear(); }
  void let_die(std::uint64_t one_in) { dies_storing_ = one_in; }
  std::vector<member_id>& all() { return all_; }
  bool two_leaders() const { return two_leaders_; }
  std::size_t terms_led() const { return leaders_.size(); }
  random_engine& luck() { return luck_; }

private:
  struct frame {
    member_id from;
    member_id to;
    std::string bytes;
  };

  random_engine luck_;
  election_settings cfg_;
  boot_time now_{0};
  std::vector<member_id> all_;
  std::map<member_id, std::unique_ptr<elector>> members_;
  std::map<member_id, std::string> records_;
  std::vector<frame> frames_;
  std::set<member_id> cut_;
  std::map<term, member_id> leaders_;
  std::map<member_id, leadership> told_; // the last
  bool two_leaders_ = false;
  std::uint64_t dies_storing_ = 0;
};

election_settings at_least(std::size_t min, std::size_t max = 0) {
  election_settings out;
  out.members_min = min;
  out.members_max = max;
  return out;
}

} // namespace

TEST_CASE("[ER-1] election: fewer than the minimum elect nobody",
          "[unit][group]") {
  electorate x{1, 2, at_least(3)};
  x.run(200);
  CHECK(x.terms_led() == 0);
  CHECK(x[member_id{1}].leadership().term == term{1}); // nor did anyone try
  electorate y{1, 3, at_least(3)};
  y.run(200);
  CHECK(y.leader());
}

TEST_CASE("[ER-2] election: all are told of one leader", "[unit][group]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    electorate x{seed, 1 + seed % 6};
    x.run(120);
    REQUIRE(x.leader());
    CHECK(x.all_told(x.leader()));
    CHECK_FALSE(x.two_leaders());
  }
}

TEST_CASE("[ER-3] election: split votes end, in a higher term",
          "[unit][group]") {
  // So few ticks that many ask at once.
  election_settings cfg;
  cfg.election = 100ms;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    electorate x{seed, 4, cfg};
    x.run(150, 20);
    x.run(100);
    CHECK(x.leader());
    CHECK_FALSE(x.two_leaders());
  }
}

TEST_CASE("[HR-4] election: an even group needs a true majority",
          "[unit][group]") {
  for (std::size_t size : {2, 4, 6}) {
    electorate x{size, size};
    x.run(120);
    auto leader = x.leader();
    REQUIRE(leader);
    std::size_t stopped = 0;
    for (auto id : x.all())
      if (id != leader && stopped < size / 2) {
        x.stop(id);
        ++stopped;
      }
    x.run(200);
    CHECK_FALSE(x.leader()); // half is not more than half
  }
}

TEST_CASE("[ER-4] election: members come and go through the leader",
          "[unit][group]") {
  electorate x{3, 3, at_least(1, 4)};
  x.run(120);
  auto leader = x.leader();
  REQUIRE(leader);
  auto follower = member_id{leader.value % 3 + 1};
  CHECK(x[follower].add(member_id{4})); // passed on
  x.run(20);
  x.all().emplace_back(4);
  x.start(member_id{4});
  x.run(40);
  CHECK(x[leader].members().size() == 4);
  CHECK(x[leader].add(member_id{4}));
  x.run(10);
  CHECK(x[leader].members().size() == 4); // once
  CHECK(x[leader].add(member_id{5}).why == code::too_many_members);
  SECTION("a leader that is removed is succeeded") {
    CHECK(x[leader].remove(leader));
    x.run(10);
    x.stop(leader);
    x.run(200);
    CHECK(x.leader());
    CHECK(x.leader() != leader);
    CHECK(x[x.leader()].members().size() == 3);
  }
}

TEST_CASE("[ER-5] election: losing the leader is told too", "[unit][group]") {
  electorate x{5, 3};
  x.run(120);
  auto leader = x.leader();
  REQUIRE(leader);
  x.cut(leader);
  x.run(200);
  CHECK(x[leader].leadership().role != role::leader);
  CHECK_FALSE(x[leader].leadership().leader);
  CHECK_FALSE(x.told(leader).leader); // as an event, not only when asked
  x.heal();
  x.run(100);
  CHECK(x.leader());
}

TEST_CASE("election: never two leaders in a term, whoever dies when",
          "[unit][group]") {
  std::size_t led = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    electorate x{seed, 3 + seed % 3};
    x.let_die(12);
    for (int i = 0; i < 60; ++i) {
      x.run(8, 10);
      for (auto id : x.all())
        if (!x.runs(id))
          x.start(id);
      if (x.luck().below(4) == 0)
        x.stop(x.all()[x.luck().below(x.all().size())]);
    }
    led += x.terms_led();
    REQUIRE_FALSE(x.two_leaders());
    x.let_die(0);
    for (auto id : x.all())
      if (!x.runs(id))
        x.start(id);
    x.run(300);
    CHECK(x.leader());
  }
  CHECK(led > 400);
}

TEST_CASE("election: what is no record is not taken for one", "[unit][group]") {
  CHECK_FALSE(elector::is_record(""));
  CHECK_FALSE(elector::is_record("something else"));
}
