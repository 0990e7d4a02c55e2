#include <troupe/cluster/bootstrap/bootstrap.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <troupe/cluster/assert.hpp>
#include <troupe/cluster/bootstrap/cluster_search.hpp>
#include <troupe/cluster/bootstrap/codec.hpp>
#include <troupe/cluster/bootstrap/config_check.hpp>
#include <troupe/cluster/bootstrap/founding_council.hpp>
#include <troupe/cluster/bootstrap/member_answer.hpp>
#include <troupe/cluster/bootstrap/poll_schedule.hpp>

namespace troupe::boot {

struct bootstrap::impl {
  impl(bootstrap_config config, disk_state disk)
      : config(std::move(config)),
        disk(std::move(disk)),
        search(this->config),
        polls(this->config.timing) {
    // nop
  }

  // -- starting --

  void start(effects& out) {
    if (auto flaw = check(config))
      return refuse(*flaw, out);
    if (disk.identity)
      return resume(out);
    if (disk.founding_set) {
      if (!found_again(out))
        return;
    } else if (auto group = group_of(config)) {
      council.emplace(config.own, *group, config.timing);
    }
    for (auto& at : config.join)
      add_address(at);
    if (council)
      for (auto& at : council->group().candidates)
        add_address(at);
  }

  void add_address(const address& at) {
    if (at != config.own.address)
      polls.add(at);
  }

  // What was read may not have been synced: it is written again.
  bool found_again(effects& out) {
    auto set = founding_set_from(*disk.founding_set);
    auto bad = [&](std::string what) {
      refuse({refusal_code::bad_founding_set,
              "the founding set in the data directory " + std::move(what)},
             out);
      return false;
    };
    if (!set)
      return bad("is damaged: clear the data directories of all founders and "
                 "start them again");
    auto* own = set->find(config.own.uuid);
    if (!own)
      return bad("does not name this node's uuid: it was copied from another "
                 "node; clear this data directory");
    if (own->address != config.own.address)
      return bad("names this node as " + own->address + ", not as "
                 + config.own.address
                 + ": start it there once more, or clear "
                   "this data directory if it is a copy");
    council.emplace(config.own, set->group(), config.timing);
    persist(std::move(*set), out);
    return true;
  }

  void persist(founding_set set, effects& out) {
    TROUPE_ASSERT(!pending, "generation {} while another is written",
                  set.generation);
    out.push_back(persist_founding_set{to_bytes(set)});
    pending = std::move(set);
  }

  // -- ends --

  void end(std::optional<member_view> as) {
    over = true;
    view = std::move(as);
  }

  void refuse(refusal why, effects& out) {
    out.push_back(refused{std::move(why)});
    end(std::nullopt);
  }

  void resume(effects& out) {
    auto id = *disk.identity;
    out.push_back(resumed{id});
    end(member_view{
        id.cluster,
        config.own,
        false,
        {{id.node, config.own.uuid, config.own.name, config.own.address}},
        {}});
  }

  void finish_founding(effects& out) {
    auto result = found(*council->own_set());
    auto own =
        std::find_if(result.members.begin(), result.members.end(),
                     [&](auto& one) { return one.uuid == config.own.uuid; });
    end(member_view{result.cluster, config.own, false, result.members, {}});
    auto id = own->node;
    out.push_back(founded{std::move(result), id});
  }

  void enter(admitted how, effects& out) {
    end(member_view{how.cluster, config.own, false, how.members, {}});
    out.push_back(std::move(how));
  }

  // -- what came in --

  void advance(time_point to) { now = std::max(now, to); }

  void count(ignored_reason why) { ++counts[static_cast<std::size_t>(why)]; }

  void ignore(ignored_reason why, effects& out) {
    count(why);
    out.push_back(ignored{why});
  }

  void take(const address&, std::monostate, effects& out) {
    ignore(ignored_reason::malformed, out);
  }

  void take(const address&, candidate& x, effects& out) {
    auto& own = config.own;
    if (x.who.uuid == own.uuid) {
      // At another name of the own address this node answers itself.
      if (x.who.address != own.address)
        refuse(copied_directory(own.address, x.who.address), out);
      return;
    }
    if (auto flaw = find_conflict(x))
      return refuse(*flaw, out);
    if (council && !council->hear(x, now))
      ignore(ignored_reason::contradictory, out);
  }

  // Of two that cannot found together, this one gives way. Only what a live
  // process answers counts, and only before the own set is kept.
  std::optional<refusal> find_conflict(const candidate& x) const {
    auto& own = config.own;
    if (!council || council->own_set() || pending
        || !council->group().contains(x.who.address)
        || x.group != id_of(council->group()))
      return std::nullopt;
    if (x.who.name == own.name)
      return refusal{refusal_code::name_in_use,
                     own.address + " and " + x.who.address + " are both named "
                         + own.name + ": give one of them another name"};
    if (own.protocol_max < x.who.protocol_min)
      return protocol_refusal(own, x.who);
    return std::nullopt;
  }

  void take(const address& from, member_introduction& x, effects& out) {
    auto& own = config.own;
    if (x.uuid == own.uuid) {
      if (x.address != own.address)
        refuse(copied_directory(own.address, x.address), out);
      else
        ignore(ignored_reason::contradictory, out);
      return;
    }
    if (!search.hear(from, x, now))
      ignore(ignored_reason::foreign, out);
    for (auto& at : search.addresses())
      polls.add(at);
    auto& own_set = pending ? pending : own_set_or_none();
    own_cluster_exists =
        own_cluster_exists || (own_set && id_of(*own_set) == x.cluster);
  }

  void take(const address&, refusal& x, effects& out) {
    refuse(std::move(x), out);
  }

  void take(const address& from, join_reply& x, effects& out) {
    std::optional<ignored_reason> why;
    auto result = search.on_reply(from, x, now, why);
    if (why)
      ignore(*why, out);
    if (!result)
      return;
    if (auto* yes = std::get_if<admitted>(&*result))
      enter(std::move(*yes), out);
    else
      refuse(std::move(std::get<refusal>(*result)), out);
  }

  // -- decisions --

  const std::optional<founding_set>& own_set_or_none() const {
    static const std::optional<founding_set> none;
    return council ? council->own_set() : none;
  }

  /// The own set stands in the way of joining as long as it may win.
  bool free_to_join() const {
    if (pending)
      return false;
    auto& own_set = own_set_or_none();
    if (!own_set || council->own_set_dead())
      return true;
    return std::any_of(
        own_set->founders.begin(), own_set->founders.end(), [&](auto& one) {
          return one.uuid != config.own.uuid && search.knows(one.uuid);
        });
  }

  void decide(effects& out) {
    dirty = false;
    if (over)
      return;
    if (own_set_or_none() && !pending
        && (council->complete() || own_cluster_exists))
      return finish_founding(out);
    if (search.cluster()) {
      if (free_to_join())
        if (auto ask = search.next_ask(now))
          out.push_back(ask_to_join{ask->to, std::move(ask->request)});
    } else if (council && !pending) {
      if (auto set = council->next_vote(now))
        persist(std::move(*set), out);
    }
    if (!search.asking())
      for (auto& at : polls.take_due(now))
        out.push_back(introduce{at, encode_request(speak())});
    report(out);
  }

  candidate speak() const {
    if (council)
      return council->speak(now);
    candidate result;
    result.who = config.own;
    return result;
  }

  std::string status() const {
    if (search.cluster() && free_to_join())
      return search.status();
    if (council)
      return council->status(now)
             + (search.cluster()
                    ? "; " + search.status()
                          + ", but this node keeps the founding set of another"
                    : "");
    std::string list;
    for (auto& at : polls.addresses())
      list += (list.empty() ? "" : ", ") + at;
    return "looking for a cluster at " + list
           + (config.expect == 0
                  ? ""
                  : "; this node only joins: its own address "
                        + config.own.address + " is not in its join list");
  }

  void report(effects& out) {
    auto sentence = status();
    if (sentence == last_sentence)
      return;
    last_sentence = sentence;
    out.push_back(progress{std::move(sentence)});
  }

  bootstrap_config config;
  disk_state disk;
  cluster_search search;
  poll_schedule polls;
  std::optional<founding_council> council; // none: only joins
  std::optional<founding_set> pending;     // being written
  bool own_cluster_exists = false;         // a member of it was heard
  bool over = false;
  bool dirty = false;              // `answer` learned something
  std::optional<member_view> view; // over, and a member
  std::string last_sentence;
  time_point now{};
  std::array<std::uint64_t, ignored_reasons> counts{};
};

bootstrap::bootstrap(bootstrap_config config, disk_state disk)
    : impl_(std::make_unique<impl>(std::move(config), std::move(disk))) {
  // nop
}

bootstrap::bootstrap(bootstrap&&) noexcept = default;

bootstrap& bootstrap::operator=(bootstrap&&) noexcept = default;

bootstrap::~bootstrap() = default;

effects bootstrap::start(time_point now) {
  effects out;
  impl_->advance(now);
  impl_->start(out);
  impl_->decide(out);
  return out;
}

effects bootstrap::on(const tick&, time_point now) {
  effects out;
  impl_->advance(now);
  impl_->decide(out);
  return out;
}

effects bootstrap::on(const replied& event, time_point now) {
  effects out;
  impl_->advance(now);
  if (impl_->over) {
    impl_->ignore(ignored_reason::over, out);
    return out;
  }
  impl_->polls.settled(event.from);
  auto reply = decode_reply(event.bytes);
  std::visit([&](auto& x) { impl_->take(event.from, x, out); }, reply);
  impl_->decide(out);
  return out;
}

effects bootstrap::on(const failed& event, time_point now) {
  effects out;
  impl_->advance(now);
  if (impl_->over)
    return out;
  impl_->polls.settled(event.to);
  impl_->search.on_failed(event.to);
  impl_->decide(out);
  return out;
}

effects bootstrap::on(const founding_set_persisted&, time_point now) {
  effects out;
  impl_->advance(now);
  if (impl_->over || !impl_->pending) {
    impl_->ignore(
        impl_->over ? ignored_reason::over : ignored_reason::unexpected, out);
    return out;
  }
  impl_->council->persisted(std::move(*impl_->pending));
  impl_->pending.reset();
  impl_->decide(out);
  return out;
}

std::string bootstrap::answer(std::string_view request, time_point now) {
  auto& self = *impl_;
  self.advance(now);
  if (self.over) {
    if (!self.view)
      return {};
    auto reply = member_answer(request, *self.view);
    if (reply.ignored)
      self.count(*reply.ignored);
    if (reply.join)
      return join_answer(reply.join->who.uuid, not_yet());
    return std::move(reply.bytes);
  }
  auto in = decode_request(request);
  if (auto* who = std::get_if<candidate>(&in)) {
    auto& own = self.config.own;
    auto is_self = who->who.uuid == own.uuid && who->who.address == own.address;
    if (!is_self && self.council && !self.council->hear(*who, self.now))
      self.count(ignored_reason::contradictory);
    self.dirty = true;
    return encode_reply(self.speak());
  }
  if (auto* join = std::get_if<join_request>(&in))
    return join_answer(join->who.uuid, not_yet());
  self.count(ignored_reason::malformed);
  return {};
}

join_outcome bootstrap::not_yet() const {
  return join_retry{
      std::chrono::ceil<std::chrono::milliseconds>(impl_->config.timing.retry),
      impl_->config.own.address + " is still starting"};
}

time_point bootstrap::wake_at() const {
  auto& self = *impl_;
  if (self.over)
    return time_point::max();
  if (self.dirty)
    return self.now;
  auto result = time_point::max();
  if (auto at = self.search.wake_at(self.now))
    result = std::min(result, *at);
  if (auto at = self.polls.wake_at(); at && !self.search.asking())
    result = std::min(result, *at);
  return std::max(result, self.now);
}

bool bootstrap::done() const {
  return impl_->over;
}

const std::array<std::uint64_t, ignored_reasons>&
bootstrap::ignored_counts() const {
  return impl_->counts;
}

} // namespace troupe::boot
