#include <test/catch.hpp>

#include <set>

#include "table.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::boot;
using namespace troupe::boot::test;

namespace {

refusal refused_start(bootstrap_config x, disk_state disk = {}) {
  bootstrap it{std::move(x), std::move(disk)};
  auto out = it.start(0ns);
  REQUIRE(out.size() == 1);
  auto* end = find<refused>(out);
  REQUIRE(end);
  REQUIRE(it.done());
  CHECK(it.wake_at() == time_point::max());
  return end->refusal;
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

const std::vector<address> abc{"a:1", "b:1", "c:1"};

} // namespace

TEST_CASE("bootstrap: a node without a join list founds a cluster of its own, "
          "after it persisted the set",
          "[unit][bootstrap]") {
  bootstrap it{node('a', {}), {}};
  auto out = it.start(0ns);
  REQUIRE(find<persist_founding_set>(out));
  CHECK(count<introduce>(out) == 0);
  CHECK_FALSE(find<founded>(out));
  CHECK_FALSE(find<founded>(it.on(tick{}, 10s)));
  out = it.on(founding_set_persisted{}, 11s);
  auto* end = find<founded>(out);
  REQUIRE(end);
  CHECK(end->own == node_id{1});
  CHECK(end->founding.members.size() == 1);
  CHECK(end->founding.cluster == id_of(set_of(1, "a", "a")));
  CHECK(it.done());
}

TEST_CASE("bootstrap: a member resumes at once, whatever the join list says",
          "[unit][bootstrap]") {
  identity id{cluster_of(7), node_id{4}};
  bootstrap it{node('a', abc, 3), {id, to_bytes(set_of(1, "abc", "abc"))}};
  auto out = it.start(0ns);
  REQUIRE(out.size() == 1);
  REQUIRE(find<resumed>(out));
  CHECK(find<resumed>(out)->identity == id);
  CHECK(it.done());
  auto reply =
      decode_reply(it.answer(encode_request(says(node('b', abc, 3))), 1s));
  REQUIRE(std::get_if<member_introduction>(&reply));
  CHECK(std::get<member_introduction>(reply).cluster == cluster_of(7));
}

TEST_CASE("bootstrap: three nodes started in any order found the same cluster "
          "[SF-12]",
          "[unit][bootstrap]") {
  std::string order = "abc";
  do {
    table it;
    for (auto name : order) {
      it.start(node(name, abc, 3));
      CHECK(it.ends.empty());
      it.run(300ms);
    }
    it.run(2s);
    for (auto& at : abc) {
      auto* end = it.end<founded>(at);
      REQUIRE(end);
      CHECK(end->founding == found(set_of(1, "abc", "abc")));
      CHECK(end->founding.members[end->own.value - 1].address == at);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("bootstrap: progress names who is missing, once",
          "[unit][bootstrap]") {
  table it;
  it.start(node('a', abc, 3));
  it.start(node('b', abc, 3));
  it.run(1500ms);
  CHECK(
      it.sentences["a:1"]
      == std::vector<std::string>{"1 of 3 founders heard: waiting for b:1, c:1",
                                  "2 of 3 founders heard: waiting for c:1"});
  it.nodes.erase("b:1");
  it.run(5s);
  CHECK(it.sentences["a:1"].back()
        == "1 of 3 founders heard: waiting for b:1, c:1");
  table more;
  more.start(node('a', {"a:1", "b:1", "c:1", "d:1"}, 3));
  CHECK(more.sentences["a:1"].back()
        == "1 of 3 founders heard: waiting for 2 of b:1, c:1, d:1");
}

TEST_CASE("bootstrap: each address is asked every 200 ms, one request at a "
          "time",
          "[unit][bootstrap]") {
  bootstrap it{node('a', {"b:1", "a:1"}), {}};
  auto out = it.start(1s);
  CHECK(count<introduce>(out) == 1); // not itself
  CHECK(find<introduce>(out)->to == "b:1");
  it.on(failed{"b:1", "connection refused"}, 1s + 10ms);
  CHECK(it.wake_at() == 1s + 200ms);
  CHECK(count<introduce>(it.on(tick{}, 1s + 199ms)) == 0);
  CHECK(count<introduce>(it.on(tick{}, 1s + 200ms)) == 1);
  // No answer at all: again after the reply timeout.
  CHECK(count<introduce>(it.on(tick{}, 2s + 199ms)) == 0);
  CHECK(it.wake_at() == 2s + 200ms);
  CHECK(count<introduce>(it.on(tick{}, 2s + 200ms)) == 1);
}

TEST_CASE("bootstrap: a node that does not expect others only ever joins",
          "[unit][bootstrap]") {
  table it;
  for (auto name : {'a', 'b', 'c'})
    it.start(node(name, abc));
  it.run(20s);
  CHECK(it.ends.empty());
  CHECK(it.disks.empty());
  CHECK(it.sentences["a:1"].back() == "looking for a cluster at b:1, c:1");
}

TEST_CASE("bootstrap: a node whose own address is not in its list only joins",
          "[unit][bootstrap]") {
  table it;
  it.start(node('d', abc, 3));
  it.start(node('a', abc, 3));
  it.start(node('b', abc, 3));
  it.run(5s);
  CHECK(it.ends.empty());
  CHECK(mentions(it.sentences["d:1"].back(), "only joins"));
  CHECK(mentions(it.sentences["d:1"].back(), "d:1 is not in its join list"));
  // Nor do others count it.
  CHECK(it.sentences["a:1"].back() == "2 of 3 founders heard: waiting for c:1");
}

TEST_CASE("bootstrap: of more candidates than expected so many found, and the "
          "other one finds their cluster",
          "[unit][bootstrap]") {
  table it;
  std::vector<address> list{"a:1", "b:1", "c:1", "d:1"};
  for (auto name : {'a', 'b', 'c', 'd'})
    it.start(node(name, list, 3));
  it.run(3s);
  std::size_t founders = 0;
  std::set<std::string> sets;
  for (auto& at : list) {
    if (it.end<founded>(at)) {
      ++founders;
      sets.insert(it.disks[at]);
    } else {
      CHECK(mentions(it.sentences[at].back(), "found cluster"));
    }
  }
  CHECK(founders == 3);
  CHECK(sets.size() == 1);
}

TEST_CASE("bootstrap: nodes that list each other with other lists or numbers "
          "found nothing, and say why",
          "[unit][bootstrap]") {
  table it;
  std::vector<address> list{"a:1", "b:1", "c:1", "d:1"};
  it.start(node('a', list, 4));
  for (auto name : {'b', 'c', 'd'})
    it.start(node(name, list, 3));
  it.run(5s);
  CHECK(it.disks.empty());
  CHECK(mentions(it.sentences["b:1"].back(),
                 "a:1 was started with another join list or expect"));
  it.start(node('a', list, 3));
  it.run(5s);
  CHECK(it.end<founded>("b:1"));
}

TEST_CASE("bootstrap: two founders of one name are refused with both addresses",
          "[unit][bootstrap]") {
  table it;
  auto other = node('b', abc, 3);
  other.own.name = "a";
  it.start(node('a', abc, 3));
  it.start(other);
  it.start(node('c', abc, 3));
  it.run(2s);
  auto* end = it.end<refused>("b:1");
  REQUIRE(end);
  CHECK(end->refusal.code == refusal_code::name_in_use);
  CHECK(end->refusal.sentence
        == "b:1 and a:1 are both named a: give one of them another name");
  CHECK_FALSE(it.nodes.at("a:1").done());
  CHECK_FALSE(it.nodes.at("c:1").done());
  CHECK(it.disks.empty());
  it.start(node('b', abc, 3));
  it.run(2s);
  CHECK(it.end<founded>("a:1"));
}

TEST_CASE("bootstrap: one uuid at two addresses is a copied data directory and "
          "refused [AR-9]",
          "[unit][bootstrap]") {
  auto copy = node('b', abc, 3);
  copy.own.uuid = uuid_of('a');
  SECTION("among founders") {
    table it;
    it.start(node('a', abc, 3));
    it.start(copy);
    it.start(node('c', abc, 3));
    it.run(2s);
    auto* end = it.end<refused>("b:1");
    REQUIRE(end);
    CHECK(end->refusal.code == refusal_code::copied_data_directory);
    CHECK(mentions(end->refusal.sentence, "b:1 and a:1"));
    CHECK_FALSE(it.nodes.at("c:1").done());
    CHECK(it.disks.empty());
  }
  SECTION("with a member") {
    bootstrap it{copy, {}};
    it.start(0ns);
    auto out = it.on(replied{"a:1", encode_reply(member_of(7, 'a'))}, 1ms);
    REQUIRE(find<refused>(out));
    CHECK(find<refused>(out)->refusal.code
          == refusal_code::copied_data_directory);
  }
  SECTION("by a member") {
    member_view view{cluster_of(7), node('a', abc).own, true, {}, {}};
    auto reply =
        decode_reply(member_answer(encode_request(says(copy)), view).bytes);
    REQUIRE(std::get_if<refusal>(&reply));
    CHECK(std::get<refusal>(reply).code == refusal_code::copied_data_directory);
  }
  SECTION("a third node counts neither of them") {
    bootstrap it{node('c', abc, 3), {}};
    it.start(0ns);
    auto one = says(node('a', abc, 3), "abc");
    auto two = says(copy, "abc");
    it.on(replied{"a:1", encode_reply(one)}, 1ms);
    auto out = it.on(replied{"b:1", encode_reply(two)}, 2ms);
    CHECK_FALSE(find<persist_founding_set>(out));
    CHECK(mentions(sentence(out), "1 of 3 founders heard"));
    CHECK(mentions(sentence(out), "another founder has too"));
  }
}

TEST_CASE("bootstrap: a node answers itself under another name of its address",
          "[unit][bootstrap]") {
  bootstrap it{node('a', {"a:1", "alias:1"}), {}};
  auto out = it.start(0ns);
  REQUIRE(count<introduce>(out) == 1);
  auto reply = it.answer(find<introduce>(out)->request, 1ms);
  out = it.on(replied{"alias:1", reply}, 2ms);
  CHECK_FALSE(it.done());
  CHECK(count<ignored>(out) == 0);
}

TEST_CASE("bootstrap: settings that contradict each other are refused with the "
          "next step",
          "[unit][bootstrap]") {
  auto is = [](bootstrap_config x, std::string_view part) {
    auto why = refused_start(std::move(x));
    CHECK(why.code == refusal_code::bad_config);
    CHECK(mentions(why.sentence, part));
  };
  is(node('a', {}, 3), "needs a join list");
  is(node('a', abc, 4), "join list of 3");
  is(node('a', {"a:1", "a:1", "b:1"}, 3), "join list of 2");
  is(node('a', {"a:1", "b:1", "c:1", "d:1"}, 2), "two groups could form");
  is(node('a', {"a:1", ""}), "join list is empty");
  is(node('a', std::vector<address>(65, "a\nb")), "control characters");
  std::vector<address> many;
  for (int i = 0; i < 65; ++i)
    many.push_back("a:" + std::to_string(i));
  is(node('a', many), "64 are the most");
  auto x = node('a', {});
  x.own.uuid = {};
  is(x, "no uuid");
  x = node('a', {});
  x.own.name = "";
  is(x, "name is empty");
  x = node('a', {});
  x.own.address = std::string(256, 'x');
  is(x, "address is empty, longer");
  x = node('a', {});
  x.own.protocol_min = 2;
  is(x, "protocol");
  x = node('a', {});
  x.timing.heard_for = 300ms;
  is(x, "heard_for");
}

TEST_CASE("bootstrap: a founding set that is damaged or of another node is "
          "refused",
          "[unit][bootstrap]") {
  auto set = to_bytes(set_of(1, "abc", "abc"));
  auto is = [](bootstrap_config x, std::string set, std::string_view part) {
    auto why = refused_start(std::move(x), {{}, std::move(set)});
    CHECK(why.code == refusal_code::bad_founding_set);
    CHECK(mentions(why.sentence, part));
  };
  is(node('a', abc, 3), set.substr(1), "damaged");
  is(node('d', abc, 3), set, "does not name this node");
  auto moved = node('a', abc, 3);
  moved.own.address = "x:1";
  is(moved, set, "as a:1, not as x:1");
}

TEST_CASE("bootstrap: who persisted a set goes on with it, whatever the new "
          "settings say",
          "[unit][bootstrap]") {
  auto set = set_of(1, "abc", "abc");
  auto config = GENERATE(0, 1, 2);
  auto x = node('a', abc, 3);
  if (config == 1)
    x = node('a', {});
  else if (config == 2)
    x = node('a', {"a:1", "x:1"}, 2);
  bootstrap it{x, {{}, to_bytes(set)}};
  auto out = it.start(0ns);
  // What was read may not have been synced.
  REQUIRE(find<persist_founding_set>(out));
  CHECK(find<persist_founding_set>(out)->bytes == to_bytes(set));
  CHECK(count<introduce>(out) == (config == 2 ? 3u : 2u));
  // Not told to others before it is certain.
  CHECK_FALSE(std::get<candidate>(decode_request(find<introduce>(out)->request))
                  .persisted);
  out = it.on(founding_set_persisted{}, 1ms);
  CHECK(mentions(sentence(out), "1 of 3 founders have persisted"));
  out = it.on(replied{"b:1", encode_reply(says(node('b', abc, 3), set))}, 2ms);
  CHECK_FALSE(it.done());
  out = it.on(replied{"c:1", encode_reply(says(node('c', abc, 3), set))}, 3ms);
  REQUIRE(find<founded>(out));
  CHECK(find<founded>(out)->founding == found(set));
}

TEST_CASE("bootstrap: nobody persists a set before each of it has heard all",
          "[unit][bootstrap]") {
  bootstrap it{node('a', abc, 3), {}};
  it.start(0ns);
  it.on(replied{"b:1", encode_reply(says(node('b', abc, 3), "abc"))}, 1ms);
  auto out =
      it.on(replied{"c:1", encode_reply(says(node('c', abc, 3), "ac"))}, 2ms);
  CHECK_FALSE(find<persist_founding_set>(out));
  CHECK(sentence(out) == "all 3 founders heard: agreeing on the founding set");
  out =
      it.on(replied{"c:1", encode_reply(says(node('c', abc, 3), "abc"))}, 3ms);
  REQUIRE(find<persist_founding_set>(out));
  CHECK(founding_set_from(find<persist_founding_set>(out)->bytes)
        == set_of(1, "abc", "abc"));
}

TEST_CASE("bootstrap: a founder founds when a member of its own cluster "
          "answers",
          "[unit][bootstrap]") {
  auto set = set_of(1, "abc", "abc");
  bootstrap it{node('a', abc, 3), {{}, to_bytes(set)}};
  it.start(0ns);
  auto member = member_of(0, 'b', false);
  member.cluster = id_of(set);
  auto out = it.on(replied{"b:1", encode_reply(member)}, 1ms);
  CHECK_FALSE(it.done()); // the disk is not certain yet
  out = it.on(founding_set_persisted{}, 2ms);
  REQUIRE(find<founded>(out));
  CHECK(find<founded>(out)->own == node_id{1});
}

TEST_CASE("bootstrap: who keeps a set that may win enters no other cluster",
          "[unit][bootstrap]") {
  auto set = set_of(1, "abcd", "abc");
  std::vector<address> list{"a:1", "b:1", "c:1", "d:1"};
  bootstrap it{node('a', list, 3), {{}, to_bytes(set)}};
  it.start(0ns);
  it.on(founding_set_persisted{}, 1ms);
  auto out = it.on(replied{"d:1", encode_reply(member_of(9, 'd'))}, 2ms);
  CHECK_FALSE(find<ask_to_join>(out));
  CHECK(mentions(sentence(out), "keeps the founding set of another"));
  SECTION("until a founder has another set") {
    auto said = says(node('b', list, 3), set_of(1, "abcd", "bcd"));
    out = it.on(replied{"b:1", encode_reply(said)}, 3ms);
    CHECK(find<ask_to_join>(out));
  }
  SECTION("until a founder is a member elsewhere") {
    out = it.on(replied{"b:1", encode_reply(member_of(9, 'b'))}, 3ms);
    CHECK(find<ask_to_join>(out));
  }
  SECTION("but not because of a node beside the set") {
    auto said = says(node('d', list, 3), set_of(1, "abcd", "bcd"));
    out = it.on(replied{"d:1", encode_reply(said)}, 3ms);
    CHECK_FALSE(find<ask_to_join>(out));
  }
}

TEST_CASE("bootstrap: once a member answered, no set is persisted",
          "[unit][bootstrap]") {
  bootstrap it{node('a', {"a:1", "b:1", "c:1", "d:1"}, 3), {}};
  it.start(0ns);
  it.on(replied{"d:1", encode_reply(member_of(9, 'd', false))}, 1ms);
  auto other = node('b', {"a:1", "b:1", "c:1", "d:1"}, 3);
  auto said = says(other, "abc");
  it.on(replied{"b:1", encode_reply(said)}, 2ms);
  said.who = node('c', {}).own;
  auto out = it.on(replied{"c:1", encode_reply(said)}, 3ms);
  CHECK_FALSE(find<persist_founding_set>(out));
  said.persisted = set_of(1, "abcd", "abc");
  out = it.on(replied{"c:1", encode_reply(said)}, 4ms);
  CHECK_FALSE(find<persist_founding_set>(out));
  CHECK(ignored_of(it, ignored_reason::contradictory) == 0);
}

TEST_CASE("bootstrap: a founder that lost its disk is named",
          "[unit][bootstrap]") {
  table it;
  it.disks["a:1"] = to_bytes(set_of(1, "abc", "abc"));
  it.start(node('a', abc, 3));
  auto again = node('b', abc, 3);
  again.own.uuid = uuid_of('x');
  it.start(again);
  it.run(1s);
  CHECK(mentions(it.sentences["a:1"].back(),
                 "b:1 has started over with an empty disk"));
}

TEST_CASE("bootstrap: an older founder gives way to a newer protocol",
          "[unit][bootstrap]") {
  table it;
  auto newer = node('b', abc, 3);
  newer.own.protocol_min = 2;
  newer.own.protocol_max = 3;
  it.start(node('a', abc, 3));
  it.start(newer);
  it.run(1s);
  auto* end = it.end<refused>("a:1");
  REQUIRE(end);
  CHECK(end->refusal.code == refusal_code::protocol_mismatch);
  CHECK(end->refusal.sentence
        == "a:1 speaks protocol 1, b:1 2 to 3: install a newer version on "
           "a:1");
  CHECK_FALSE(it.nodes.at("b:1").done());
}
