#include <test/catch.hpp>

#include <troupe/cluster/group/cow_map.hpp>
#include <troupe/cluster/group/entry_codec.hpp>
#include <troupe/cluster/group/lease_clock.hpp>
#include <troupe/cluster/group/own_batches.hpp>
#include <troupe/cluster/group/settings.hpp>
#include <troupe/cluster/group/snapshot_stream.hpp>

using namespace troupe;
using namespace troupe::raft;
using namespace std::chrono_literals;

namespace {

payload bytes(const std::string& x) {
  return std::make_shared<const std::string>(x);
}

group_code why_of(const std::vector<own_batches::failed>& xs,
                  std::uint64_t number) {
  for (auto& x : xs)
    if (x.number == number)
      return x.why;
  return group_code::none;
}

snapshot_meta meta_at(std::uint64_t index) {
  return {log_index{index}, term{1}, {{member_id{1}}, {}, {}, {}}};
}

} // namespace

TEST_CASE("entry: it is the schema's, byte for byte, and views of it",
          "[unit][group]") {
  command_buffer commands;
  commands.add("one");
  commands.add(std::string(300, 'x'));
  commands.add("");
  auto text = encode_entry({2, 77, 5}, commands);
  proto::GroupEntry schema;
  REQUIRE(schema.ParseFromString(text));
  CHECK(schema.origin() == 2);
  CHECK(schema.boot() == 77);
  CHECK(schema.number() == 5);
  REQUIRE(schema.commands_size() == 3);
  CHECK(schema.commands(1).size() == 300);
  auto view = decode_entry(text);
  REQUIRE(view);
  CHECK(view->origin == entry_origin{2, 77, 5});
  REQUIRE(view->commands.size() == 3);
  CHECK(view->commands[0] == "one");
  CHECK(view->commands[2].empty());
  CHECK(decode_head(text)->commands == 3);
}

TEST_CASE("entry: cut or foreign bytes are no entry, fields to come are",
          "[unit][group]") {
  command_buffer commands;
  commands.add("a command");
  auto text = encode_entry({1, 2, 3}, commands);
  for (std::size_t n = text.size() - 1; n > text.size() - 9; --n)
    CHECK_FALSE(decode_entry(text.substr(0, n)));
  CHECK_FALSE(decode_entry("\x22\xff\xff\xff\xff\x0f"));
  CHECK(decode_entry(text + std::string("\x50\x01", 2)));
}

TEST_CASE("own batches: one that was replaced was not done, one that nobody "
          "saw is unknown",
          "[unit][group]") {
  own_batches x;
  auto one = x.add(bytes("1"), 1s, 5s);
  auto two = x.add(bytes("2"), 1s, 5s);
  auto three = x.add(bytes("3"), 1s, 5s);
  auto four = x.add(bytes("4"), 1s, 5s);
  CHECK(x.first_held() == one);
  x.placed(one, term{2}, log_index{10});
  x.placed(two, term{2}, log_index{20});
  x.sent(three, term{2});
  // Another leader's term begins at 10.
  x.seen(log_index{10}, term{3}, log_index{});
  auto failed = x.take_failed();
  CHECK(why_of(failed, one) == group_code::replaced);
  CHECK(why_of(failed, two) == group_code::replaced);
  CHECK(why_of(failed, three) == group_code::outcome_unknown);
  CHECK(failed.size() == 3);
  CHECK(x.first_held() == four);
}

TEST_CASE("own batches: what a snapshot jumped over is unknown",
          "[unit][group]") {
  own_batches x;
  auto one = x.add(bytes("1"), 1s, 5s);
  x.placed(one, term{2}, log_index{10});
  x.seen(log_index{15}, term{2}, log_index{15});
  CHECK(why_of(x.take_failed(), one) == group_code::outcome_unknown);
}

TEST_CASE("own batches: each ends once, at the latest at its deadline",
          "[unit][group]") {
  own_batches x;
  auto one = x.add(bytes("1"), 1s, 5s);
  auto two = x.add(bytes("22"), 1s, 5s);
  auto three = x.add(bytes("3"), 1s, 5s);
  CHECK(x.bytes() == 4);
  x.sent(one, term{1});
  x.placed(three, term{1}, log_index{3});
  x.expire(2s);
  CHECK(why_of(x.take_failed(), two) == group_code::no_leader);
  CHECK(x.applied(three));
  CHECK_FALSE(x.applied(three));
  x.expire(5s);
  CHECK(why_of(x.take_failed(), one) == group_code::outcome_unknown);
  CHECK_FALSE(x.applied(one));
  CHECK(x.bytes() == 0);
  CHECK(x.next_number() == 4);
}

TEST_CASE("lease: it runs from the beginning of a round that was answered",
          "[unit][group]") {
  lease_clock x{100ms};
  CHECK_FALSE(x.holds(1ms));
  x.begun(1, 1000ms);
  x.begun(2, 1050ms);
  CHECK_FALSE(x.holds(1001ms));
  x.confirmed(1);
  CHECK(x.holds(1099ms));
  CHECK_FALSE(x.holds(1100ms));
  x.confirmed(2);
  CHECK(x.holds(1149ms));
  x.clear();
  CHECK_FALSE(x.holds(1060ms));
}

TEST_CASE("lease: it is shorter than what followers wait, by the clocks' error",
          "[unit][group]") {
  group_settings cfg;
  cfg.tick = 10ms;
  cfg.election = 100ms;
  cfg.clock_error_percent = 10;
  CHECK(lease_length(cfg) == 81ms);
}

TEST_CASE("snapshot stream: piece by piece, again when late, until complete",
          "[unit][group]") {
  snapshot_stream x;
  auto to = member_id{2};
  x.want(to, log_index{5}, 0s);
  CHECK(x.wants_newer());
  CHECK(x.due(0s).empty());
  x.offer(meta_at(7));
  auto due = x.due(0s);
  REQUIRE(due.size() == 1);
  CHECK(due[0].offset == 0);
  CHECK(x.due(100ms).empty());
  REQUIRE(x.sending(to, log_index{7}, 30));
  CHECK(x.due(600ms).size() == 1); // no answer
  CHECK_FALSE(x.taken(to, log_index{7}, 10, 700ms));
  due = x.due(700ms);
  REQUIRE(due.size() == 1);
  CHECK(due[0].offset == 10);
  CHECK_FALSE(x.taken(to, log_index{6}, 30, 700ms));
  CHECK_FALSE(x.taken(to, log_index{7}, 31, 700ms)); // more than there is
  CHECK(x.taken(to, log_index{7}, 30, 700ms) == meta_at(7));
  CHECK(x.empty());
}

TEST_CASE("[HR-3] snapshot stream: after an interruption it goes on where the "
          "member was, also from another leader",
          "[unit][group]") {
  snapshot_stream x;
  auto to = member_id{2};
  x.offer(meta_at(7));
  x.want(to, log_index{5}, 0s);
  REQUIRE(x.due(0s).size() == 1);
  REQUIRE(x.sending(to, log_index{7}, 30));
  CHECK_FALSE(x.taken(to, log_index{7}, 10, 0s));
  if (GENERATE(false, true)) {
    x.drop(to); // unreachable
  } else {
    x = {}; // another leader, with the same snapshot
    x.offer(meta_at(7));
  }
  x.want(to, log_index{5}, 1s);
  auto due = x.due(1s);
  REQUIRE(due.size() == 1);
  CHECK(due[0].offset == 0); // it does not know yet
  REQUIRE(x.sending(to, log_index{7}, 30));
  CHECK_FALSE(x.taken(to, log_index{7}, 20, 1s)); // the member has more
  due = x.due(1s);
  REQUIRE(due.size() == 1);
  CHECK(due[0].offset == 20);
  CHECK(x.taken(to, log_index{7}, 30, 1s) == meta_at(7));
}

TEST_CASE("snapshot stream: a newer one takes over, a silent member is given "
          "up",
          "[unit][group]") {
  snapshot_stream x;
  auto to = member_id{2};
  x.offer(meta_at(7));
  x.want(to, log_index{5}, 0s);
  CHECK(x.due(0s).size() == 1);
  x.offer(meta_at(9));
  auto due = x.due(1ms);
  REQUIRE(due.size() == 1);
  CHECK(due[0].meta.index == log_index{9});
  CHECK_FALSE(x.sending(to, log_index{7}, 30));
  CHECK(x.take_silent(9s).empty());
  auto silent = x.take_silent(10s);
  REQUIRE(silent.size() == 1);
  CHECK(silent[0].first == to);
}

TEST_CASE("cow_map: a frozen copy stays as it was", "[unit][group]") {
  cow_map<int> x{4};
  for (int i = 0; i < 100; ++i)
    CHECK(x.assign("k" + std::to_string(i), i));
  auto frozen = x.freeze();
  CHECK_FALSE(x.assign("k5", 500));
  CHECK(x.erase("k6"));
  CHECK_FALSE(x.erase("k6"));
  CHECK(x.assign("new", 1));
  auto later = x.freeze();
  x.assign("k5", 501);
  CHECK(*frozen.find("k5") == 5);
  CHECK(*frozen.find("k6") == 6);
  CHECK(frozen.find("new") == nullptr);
  CHECK(frozen.size() == 100);
  CHECK(*later.find("k5") == 500);
  CHECK(later.find("k6") == nullptr);
  CHECK(*x.find("k5") == 501);
  std::size_t rows = 0;
  frozen.for_each([&](auto&, int) { ++rows; });
  CHECK(rows == 100);
}

TEST_CASE("group: every code has a word and a next step", "[unit][group]") {
  for (int i = 0; i <= static_cast<int>(group_code::network); ++i) {
    auto why = static_cast<group_code>(i);
    CHECK(to_string(why) != "?");
    CHECK(describe(why) != "?");
    CHECK(refusal{why, "this"}.text().starts_with("this; "));
  }
}
