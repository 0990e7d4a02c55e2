#include <test/catch.hpp>

#include <random>
#include <set>

#include <troupe/cluster/bootstrap/cluster_search.hpp>

#include "table.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::boot;
using namespace troupe::boot::test;

namespace {

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

admitted admission(std::uint8_t cluster) {
  return {cluster_of(cluster),
          node_id{4},
          incarnation{1},
          raft::term{7},
          {{node_id{1}, uuid_of('a'), "a", "a:1"}}};
}

// Has found a member of cluster 7 at a:1 and asked it.
bootstrap asking_node(effects& out) {
  auto config = node('d', {"a:1", "b:1"});
  config.roles = {"db"};
  config.labels = {{"zone", "1"}, {"version", "2"}};
  config.weight = 50;
  bootstrap it{config, {}};
  it.start(0ns);
  out = it.on(replied{"a:1", encode_reply(member_of(7, 'a'))}, 1ms);
  return it;
}

} // namespace

TEST_CASE("joining: a node asks the member it found, and is admitted",
          "[unit][bootstrap]") {
  effects out;
  auto it = asking_node(out);
  REQUIRE(find<ask_to_join>(out));
  CHECK(find<ask_to_join>(out)->to == "a:1");
  CHECK(mentions(sentence(out), "asking a:1"));
  member_view view{cluster_of(7), node('a', {}).own, true, {}, {}};
  auto seen = member_answer(find<ask_to_join>(out)->request, view);
  REQUIRE(seen.join);
  CHECK(seen.bytes.empty());
  auto expected = node('d', {});
  CHECK(*seen.join
        == join_request{cluster_of(7),
                        expected.own,
                        {"db"},
                        {{"zone", "1"}, {"version", "2"}},
                        50});
  auto answer = join_answer(seen.join->who.uuid, admission(7));
  out = it.on(replied{"a:1", answer}, 2ms);
  REQUIRE(find<admitted>(out));
  CHECK(*find<admitted>(out) == admission(7));
  CHECK(it.done());
  // What comes after the end is only counted.
  it.on(replied{"a:1", answer}, 3ms);
  it.on(failed{"a:1", "closed"}, 3ms);
  CHECK(ignored_of(it, ignored_reason::over) == 1);
}

TEST_CASE("joining: members without a leader are waited for",
          "[unit][bootstrap]") {
  bootstrap it{node('d', {"a:1"}), {}};
  it.start(0ns);
  auto out = it.on(replied{"a:1", encode_reply(member_of(7, 'a', false))}, 1ms);
  CHECK_FALSE(find<ask_to_join>(out));
  CHECK(mentions(sentence(out), "waiting for a member that sees a leader"));
  out = it.on(replied{"a:1", encode_reply(member_of(7, 'a', true))}, 2ms);
  CHECK(find<ask_to_join>(out));
}

TEST_CASE("joining: addresses that a member tells are asked too",
          "[unit][bootstrap]") {
  bootstrap it{node('d', {"a:1"}), {}};
  it.start(0ns);
  auto member = member_of(7, 'a', false);
  member.members = {{node_id{2}, uuid_of('e'), "e", "e:1"},
                    {node_id{3}, uuid_of('d'), "d", "d:1"}};
  auto out = it.on(replied{"a:1", encode_reply(member)}, 1ms);
  REQUIRE(count<introduce>(out) == 1); // not itself
  CHECK(find<introduce>(out)->to == "e:1");
}

TEST_CASE("joining: after a failure or silence the next member is asked",
          "[unit][bootstrap]") {
  effects out;
  auto it = asking_node(out);
  it.on(replied{"b:1", encode_reply(member_of(7, 'b'))}, 2ms);
  SECTION("failed") {
    it.on(failed{"a:1", "closed"}, 10ms);
    CHECK_FALSE(find<ask_to_join>(it.on(tick{}, 200ms)));
    CHECK(it.wake_at() == 201ms);
    out = it.on(tick{}, 201ms);
  }
  SECTION("silent") {
    CHECK(it.wake_at() == 5s + 1ms);
    it.on(tick{}, 5s + 1ms);
    out = it.on(replied{"b:1", encode_reply(member_of(7, 'b'))}, 5s + 2ms);
  }
  REQUIRE(find<ask_to_join>(out));
  CHECK(find<ask_to_join>(out)->to == "b:1");
  // The late answer of the first one still counts.
  out = it.on(replied{"a:1", join_answer(uuid_of('d'), admission(7))}, 9s);
  CHECK(find<admitted>(out));
}

TEST_CASE("joining: told to wait, a node asks again after that time",
          "[unit][bootstrap]") {
  effects out;
  auto it = asking_node(out);
  auto later = join_answer(uuid_of('d'), join_retry{700ms, "an election"});
  out = it.on(replied{"a:1", later}, 10ms);
  CHECK(mentions(sentence(out), "a:1 says: an election"));
  // A second copy of it is answer to nothing.
  it.on(replied{"a:1", later}, 11ms);
  CHECK(ignored_of(it, ignored_reason::unexpected) == 1);
  for (auto now = 20ms; now < 710ms; now += 10ms)
    CHECK_FALSE(find<ask_to_join>(
        it.on(replied{"a:1", encode_reply(member_of(7, 'a'))}, now)));
  CHECK(find<ask_to_join>(it.on(tick{}, 710ms)));
}

TEST_CASE("joining: a refusal ends the start with its sentence",
          "[unit][bootstrap]") {
  effects out;
  auto it = asking_node(out);
  refusal why{refusal_code::name_in_use, "d is up at x:1: choose another name"};
  out = it.on(replied{"a:1", join_answer(uuid_of('d'), why)}, 10ms);
  REQUIRE(find<refused>(out));
  CHECK(find<refused>(out)->refusal == why);
  CHECK(it.done());
  CHECK(it.answer(encode_request(says(node('b', {}))), 1s).empty());
}

TEST_CASE("joining: members refuse what needs no decision [R-15]",
          "[unit][bootstrap]") {
  member_view view{cluster_of(7), node('a', {}).own, true, {}, {uuid_of('r')}};
  auto refused_by = [&](const std::string& request) {
    auto in = decode_reply(member_answer(request, view).bytes);
    if (auto* direct = std::get_if<refusal>(&in))
      return *direct;
    REQUIRE(std::get_if<join_reply>(&in));
    auto& reply = std::get<join_reply>(in);
    REQUIRE(std::get_if<refusal>(&reply.outcome));
    return std::get<refusal>(reply.outcome);
  };
  auto newer = node('d', {});
  newer.own.protocol_min = newer.own.protocol_max = 2;
  auto why = refused_by(encode_request(says(newer)));
  CHECK(why.code == refusal_code::protocol_mismatch);
  CHECK(why.sentence
        == "d:1 speaks protocol 2, a:1 1: install a newer version on a:1");
  why = refused_by(encode_request(join_request{cluster_of(7), newer.own}));
  CHECK(why.code == refusal_code::protocol_mismatch);
  why = refused_by(encode_request(says(node('r', {}))));
  CHECK(why.code == refusal_code::removed_member);
  CHECK(mentions(why.sentence, "clear its data directory"));
  why = refused_by(
      encode_request(join_request{cluster_of(8), node('d', {}).own}));
  CHECK(why.code == refusal_code::other_cluster);
  CHECK(mentions(why.sentence, to_hex(cluster_of(7))));
  CHECK(mentions(why.sentence, to_hex(cluster_of(8))));
  // And the node that is told so ends.
  bootstrap removed{node('r', {"a:1"}), {}};
  auto out = removed.start(0ns);
  out = removed.on(
      replied{"a:1", member_answer(find<introduce>(out)->request, view).bytes},
      1ms);
  REQUIRE(find<refused>(out));
  CHECK(find<refused>(out)->refusal.code == refusal_code::removed_member);
}

TEST_CASE("joining: a node enters the first cluster it heard and no other",
          "[unit][bootstrap]") {
  effects out;
  auto it = asking_node(out);
  it.on(replied{"b:1", encode_reply(member_of(8, 'b'))}, 2ms);
  CHECK(ignored_of(it, ignored_reason::foreign) == 1);
  it.on(replied{"a:1", join_answer(uuid_of('d'), admission(8))}, 3ms);
  CHECK(ignored_of(it, ignored_reason::foreign) == 2);
  it.on(replied{"a:1", join_answer(uuid_of('x'), admission(7))}, 4ms);
  CHECK(ignored_of(it, ignored_reason::unexpected) == 1);
  CHECK_FALSE(it.done());
}

TEST_CASE("joining: an admission that was never asked for is ignored",
          "[unit][bootstrap]") {
  bootstrap it{node('d', {"a:1"}), {}};
  it.start(0ns);
  it.on(replied{"a:1", join_answer(uuid_of('d'), admission(7))}, 1ms);
  it.on(founding_set_persisted{}, 2ms);
  CHECK(ignored_of(it, ignored_reason::unexpected) == 2);
  CHECK_FALSE(it.done());
}

TEST_CASE("joining: a node that starts asks others who want in to wait",
          "[unit][bootstrap]") {
  bootstrap it{node('a', {"b:1"}), {}};
  it.start(0ns);
  auto request = encode_request(join_request{cluster_of(7), node('d', {}).own});
  auto reply = decode_reply(it.answer(request, 1ms));
  REQUIRE(std::get_if<join_reply>(&reply));
  CHECK(
      std::get<join_reply>(reply)
      == join_reply{uuid_of('d'), join_retry{200ms, "a:1 is still starting"}});
}

TEST_CASE("joining: contradictory introductions are counted and not believed",
          "[unit][bootstrap]") {
  std::vector<address> abc{"a:1", "b:1", "c:1"};
  bootstrap it{node('a', abc, 3), {}};
  it.start(0ns);
  auto own_address = says(node('x', abc, 3));
  own_address.who.address = "a:1";
  auto not_in_own_set = says(node('b', abc, 3), set_of(1, "abc", "abc"));
  not_in_own_set.who.uuid = uuid_of('x');
  auto other_group = says(node('b', abc, 3), set_of(1, "abcd", "abc"));
  std::uint64_t n = 0;
  for (auto& bad : {own_address, not_in_own_set, other_group}) {
    it.on(replied{"b:1", encode_reply(bad)}, 1ms);
    CHECK(ignored_of(it, ignored_reason::contradictory) == ++n);
    it.answer(encode_request(bad), 1ms);
    CHECK(ignored_of(it, ignored_reason::contradictory) == ++n);
  }
  CHECK_FALSE(find<persist_founding_set>(it.on(tick{}, 2ms)));
}

TEST_CASE("joining: damaged bytes are counted and change nothing",
          "[unit][bootstrap]") {
  std::vector<address> abc{"a:1", "b:1", "c:1"};
  bootstrap it{node('a', abc, 3), {}};
  it.start(0ns);
  CHECK(it.answer("nonsense", 1ms).empty());
  it.on(replied{"b:1", ""}, 1ms);
  CHECK(ignored_of(it, ignored_reason::malformed) == 2);
  std::vector<std::string> samples{
      encode_request(says(node('b', abc, 3), set_of(1, "abc", "abc"))),
      encode_request(join_request{cluster_of(7), node('b', {}).own}),
      encode_reply(says(node('b', abc, 3), set_of(1, "abc", "abc"))),
      encode_reply(member_of(7, 'b', false)),
      join_answer(uuid_of('b'), admission(7))};
  std::mt19937_64 engine{1};
  member_view view{cluster_of(7), node('a', {}).own, true, {}, {}};
  for (int i = 0; i < 20'000 && !it.done(); ++i) {
    auto bytes = samples[engine() % samples.size()];
    for (auto n = 1 + engine() % 4; n > 0; --n)
      bytes[engine() % bytes.size()] = static_cast<char>(engine());
    if (engine() % 4 == 0)
      bytes.resize(engine() % bytes.size());
    it.answer(bytes, 2ms);
    it.on(replied{"b:1", bytes}, 2ms);
    member_answer(bytes, view);
  }
  CHECK(ignored_of(it, ignored_reason::malformed) > 1000);
}

TEST_CASE("bootstrap codec: what is written is read", "[unit][bootstrap]") {
  std::vector<address> abc{"a:1", "b:1", "c:1"};
  auto who = says(node('b', abc, 3), set_of(1, "abc", "abc"));
  who.heard = {uuid_of(1), uuid_of(2)};
  CHECK(std::get<candidate>(decode_request(encode_request(who))) == who);
  CHECK(std::get<candidate>(decode_reply(encode_reply(who))) == who);
  auto joins = says(node('b', abc));
  CHECK(std::get<candidate>(decode_request(encode_request(joins))) == joins);
  join_request join{cluster_of(7), who.who, {"x"}, {{"a", "b"}}, 0};
  CHECK(std::get<join_request>(decode_request(encode_request(join))) == join);
  auto member = member_of(7, 'b');
  member.members = admission(7).members;
  CHECK(std::get<member_introduction>(decode_reply(encode_reply(member)))
        == member);
  refusal no{refusal_code::other_cluster, "no"};
  CHECK(std::get<refusal>(decode_reply(encode_reply(no))) == no);
  for (join_outcome x : {join_outcome{admission(7)}, join_outcome{no},
                         join_outcome{join_retry{7ms, "later"}}}) {
    join_reply reply{uuid_of(3), x};
    CHECK(std::get<join_reply>(decode_reply(encode_reply(reply))) == reply);
  }
}

TEST_CASE("bootstrap codec: text is printable UTF-8", "[unit][bootstrap]") {
  for (auto good : {"a",
                    "n\xc3\xb6"
                    "de",
                    "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    CHECK(valid_text(good));
  for (auto bad : {"", "a\n", "\x7f", "\xc2\x85", "\xc0\x80", "\xc3", "\xc3(",
                   "\xed\xa0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80",
                   "\xf4\x90\x80\x80", "\x80", "\xff"})
    CHECK_FALSE(valid_text(bad));
  CHECK(valid_text(std::string(255, 'x')));
  CHECK_FALSE(valid_text(std::string(256, 'x')));
}

TEST_CASE("bootstrap codec: every code and reason has its name",
          "[unit][bootstrap]") {
  std::set<std::string_view> names;
  for (std::uint8_t i = 1; i <= 7; ++i)
    names.insert(to_string(static_cast<refusal_code>(i)));
  for (std::uint8_t i = 0; i < ignored_reasons; ++i)
    names.insert(to_string(static_cast<ignored_reason>(i)));
  CHECK(names.size() == 7 + ignored_reasons);
  CHECK_FALSE(names.contains("unknown"));
}
