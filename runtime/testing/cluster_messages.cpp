// What a test sends, and what comes back.
#include <stdexcept>

#include <caf/actor_cast.hpp>
#include <caf/make_actor.hpp>

#include <troupe/actors/ask_sink.hpp>
#include <troupe/actors/error.hpp>
#include <troupe/cluster/assert.hpp>
#include <troupe/runtime/testing/cluster_impl.hpp>

namespace troupe::testing {

region_plane& cluster::impl::plane_of(process& by, const std::string& region) {
  return by.plane().region(region, regions_.at(region).settings.partitions);
}

static std::string key_of(const caf::message& what) {
  return what.match_element<to_partition>(0) ? what.get_as<to_partition>(0).key
                                             : what.get_as<std::string>(0);
}

void cluster::impl::send(std::size_t node, const std::string& region,
                         caf::message what) {
  auto& by = live(node);
  plane_of(by, region)
      .router->enqueue(caf::actor_cast<caf::strong_actor_ptr>(by.sender()),
                       caf::make_message_id(), std::move(what), nullptr);
}

answer cluster::impl::send_request(std::size_t node, const std::string& region,
                                   caf::message what) {
  auto& by = live(node);
  auto& on = at(node);
  auto state = std::make_shared<answer::shared>();
  state->all = this;
  state->what = "the request of '" + key_of(what) + "' to region " + region
                + " by " + on.name;
  on.asked.insert(state);
  auto& sys = by.system();
  caf::actor_config cfg;
  auto sink = caf::make_actor<ask_sink, caf::strong_actor_ptr>(
      sys.next_actor_id(), sys.node(), &sys, cfg, on.id,
      [state, &on](traced_answer got) {
        if (!state->content)
          state->content = std::move(got.content);
        on.asked.erase(state);
      });
  plane_of(by, region)
      .router->enqueue(sink, caf::make_message_id(1), std::move(what), nullptr);
  return answer{std::move(state)};
}

// Whoever counts a message twice breaks the promise that none is lost unsaid.
message_books cluster::impl::books(process& who) {
  auto& count = who.plane().counters();
  message_books out{count.accepted, count.settled(), count.unknown};
  TROUPE_ASSERT(out.settled + out.unknown <= out.accepted,
                "{} accepted {} messages, and knows of {} settled, {} unknown",
                who.core().config().name, out.accepted, out.settled,
                out.unknown);
  return out;
}

// -- region -------------------------------------------------------------------

const caf::actor& region::router(std::size_t node) const {
  return all_->plane_of(all_->live(node), name_).router;
}

void region::send(std::size_t node, caf::message what) const {
  all_->send(node, name_, std::move(what));
}

answer region::send_request(std::size_t node, caf::message what) const {
  return all_->send_request(node, name_, std::move(what));
}

std::uint32_t region::partitions() const {
  auto* map = all_->newest_map();
  auto* known = map ? map->region(name_) : nullptr;
  return known ? known->settings.partitions
               : all_->regions_.at(name_).settings.partitions;
}

partition_id region::partition_of(const std::string& key) const {
  return troupe::partition_of(key, partitions());
}

std::optional<std::size_t> region::owner(partition_id p) const {
  auto* a = all_->find(name_, p);
  if (!a || !a->owner)
    return std::nullopt;
  return all_->index_of(a->owner);
}

troupe::epoch region::epoch(partition_id p) const {
  auto* a = all_->find(name_, p);
  return a ? a->epoch : troupe::epoch{};
}

troupe::stage region::stage(partition_id p) const {
  auto* a = all_->find(name_, p);
  return a ? a->stage : stage::unassigned;
}

void region::move(partition_id p, std::size_t to) const {
  proto::CommandRequest what;
  what.mutable_move()->set_region(name_);
  what.mutable_move()->set_partition(p);
  what.mutable_move()->set_to(all_->at(to).name);
  auto reply =
      all_->command(std::move(what), "a move of partition " + std::to_string(p)
                                         + " of " + name_);
  if (reply.code() != 0)
    throw refused{static_cast<errc>(reply.code()),
                  "a move of partition " + std::to_string(p) + " of " + name_
                      + ": " + reply.detail() + "; " + reply.hint()};
}

// -- answer -------------------------------------------------------------------

bool answer::ready() const {
  return state_->content.has_value();
}

const answer& answer::wait() const {
  auto& all = *state_->all;
  if (!ready())
    all.run_until([this] { return ready(); }, boot_time{0},
                  state_->what + " was not answered");
  return *this;
}

static const caf::error* error_in(const caf::message& x) {
  return x.match_elements<caf::error>() ? &x.get_as<caf::error>(0) : nullptr;
}

errc answer::code() const {
  auto* why = error_in(*wait().state_->content);
  return why ? code_of(*why) : errc::none;
}

bool answer::ok() const {
  return error_in(*wait().state_->content) == nullptr;
}

std::string answer::error() const {
  auto* why = error_in(*wait().state_->content);
  if (!why)
    return {};
  auto code = code_of(*why);
  if (code == errc::none)
    return caf::deep_to_string(*why);
  auto text = text_of(*why);
  return std::string{to_string(code)} + (text.empty() ? "" : ": " + text);
}

const caf::message& answer::checked(bool any) const {
  if (!ok())
    throw refused{code(), state_->what + " was refused: " + error()};
  auto& content = *state_->content;
  if (!any && content.empty())
    other_type(content);
  return content;
}

void answer::other_type(const caf::message& content) const {
  throw refused{
      errc::none,
      state_->what + " was answered with "
          + (content.empty() ? "nothing" : to_string(content).substr(0, 200))
          + ", which is not the type asked for"};
}

} // namespace troupe::testing
