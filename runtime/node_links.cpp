// What the links bring to a node, and whom they let in.
#include <algorithm>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/logger.hpp>
#include <troupe/runtime/node_impl.hpp>

namespace troupe {

void node::impl::on_frame(node_id peer, link::lane, std::uint8_t kind,
                          std::string_view payload) {
  auto what = static_cast<frame_kind>(kind);
  bool for_plane = !is_control(what) && what != frame_kind::state
                   && what != frame_kind::state_taken;
  if (for_plane) {
    plane_->receive(peer, peers_[peer], what, payload, &*arrivals_);
    return;
  }
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(coordinator_,
                   frame_arrived{peer, what, std::string{payload}});
}

void node::impl::on_pause() {
  arrivals_->flush();
}

void node::impl::on_disconnected(node_id peer, link::close_reason why) {
  arrivals_->flush();
  logger().debug("{}: link to {} closed: {}", identity_.name, peer.value,
                 to_string(why));
  post([peer](coordinator_actor& self) { self.core().unreachable(peer); });
}

void node::impl::on_connected(const link::identity& peer) {
  peers_[peer.node] = peer.incarnation;
}

void node::impl::on_session_ended(const link::session_end& end) {
  plane_->session_ended(end);
  std::lock_guard guard{mutex_};
  if (coordinator_)
    caf::anon_send(coordinator_, session_over{end.peer});
}

std::optional<link::refusal> node::impl::on_hello(const link::hello& from) {
  auto known = mirror_.node(from.from.node);
  if (!known)
    return std::nullopt; // the map is behind: a newcomer dials first
  bool other = !known->uuid.empty()
               && !std::equal(known->uuid.begin(), known->uuid.end(),
                              from.from.uuid.begin(), from.from.uuid.end(),
                              [](char a, std::uint8_t b) {
                                return static_cast<std::uint8_t>(a) == b;
                              });
  if (known->liveness == liveness::removed || other)
    return link::refusal{link::refusal_code::owner,
                         "node " + std::to_string(from.from.node.value)
                             + " is not '" + from.from.name
                             + "' any more; start with an empty data directory",
                         static_cast<std::uint32_t>(errc::foreign_node)};
  return std::nullopt;
}

void node::impl::on_refused(const link::refused_link& what) {
  logger().warn("{}: link to {}: {}", identity_.name, what.address,
                what.what.text);
  // Nobody would ever tell this process by the map: it is not linked any more.
  using link::refusal_code;
  auto code = what.what.code;
  if (what.by_peer
      && (code == refusal_code::stale_incarnation
          || (code == refusal_code::same_incarnation
              && phase_ == phase::starting)))
    stop_process({errc::foreign_node,
                  "another process was started as this node: " + what.what.text,
                  "stop one of the two; a copied data directory must not be "
                  "started"});
}

void node::impl::on_malformed(std::string_view remote,
                              link::malformed_reason why) {
  logger().warn("{}: closed a connection from {}: malformed {}", identity_.name,
                remote, to_string(why));
}

void node::impl::on_introduction(std::string request, std::string,
                                 introduction_reply reply) {
  bool member;
  {
    std::lock_guard guard{mutex_};
    member = static_cast<bool>(coordinator_);
  }
  if (member)
    return answer_as_member(std::move(request), std::move(reply));
  std::string bytes;
  {
    std::lock_guard guard{boot_mutex_};
    if (boot_)
      bytes = boot_->answer(request, boot_now());
  }
  if (!bytes.empty())
    reply(std::move(bytes));
  changed_.notify_all();
}

boot::member_view node::impl::member_view(coordinator_actor& self) {
  auto& core = self.core();
  boot::member_view view;
  auto id = [](const std::string& bytes) {
    boot::uuid out;
    std::copy_n(bytes.begin(), std::min<std::size_t>(bytes.size(), 16),
                out.bytes.begin());
    return out;
  };
  std::copy(identity_.cluster.begin(), identity_.cluster.end(),
            view.cluster.bytes.begin());
  std::copy(identity_.node_uuid.begin(), identity_.node_uuid.end(),
            view.own.uuid.bytes.begin());
  view.own.name = identity_.name;
  view.own.address = address_;
  view.can_forward_joins = static_cast<bool>(core.leadership().leader);
  for (auto& [node, record] : core.map().nodes()) {
    if (record.liveness == liveness::removed)
      view.removed.push_back(id(record.uuid));
    else
      view.members.push_back(
          {node, id(record.uuid), record.name, record.address});
  }
  return view;
}

void node::impl::answer_as_member(std::string request,
                                  introduction_reply reply) {
  post([this, request = std::move(request),
        reply = std::move(reply)](coordinator_actor& self) {
    auto answer = boot::member_answer(request, member_view(self));
    if (answer.join)
      answer_join(*answer.join, reply);
    else if (!answer.bytes.empty())
      reply(std::move(answer.bytes));
  });
}

// The leader gives the newcomer its id; this node passes question and answer
// on.
void node::impl::answer_join(const boot::join_request& request,
                             introduction_reply reply) {
  auto uuid = request.who.uuid;
  proto::CommandRequest what;
  auto& admit = *what.mutable_map()->mutable_admit_node();
  admit.set_uuid(std::string{uuid.bytes.begin(), uuid.bytes.end()});
  admit.set_name(request.who.name);
  admit.set_address(request.who.address);
  for (auto& role : request.roles)
    admit.add_roles(role);
  for (auto& [key, value] : request.labels)
    (*admit.mutable_labels())[key] = value;
  admit.set_weight(request.weight);
  command(std::move(what), [this, uuid, reply](const proto::CommandReply& r) {
    auto code = static_cast<errc>(r.code());
    if (code == errc::none) {
      post([this, uuid, reply, r](coordinator_actor& self) {
        boot::admitted out;
        auto view = member_view(self);
        out.cluster = view.cluster;
        out.node = node_id{r.node()};
        out.first_incarnation = incarnation{r.incarnation()};
        out.term = self.core().leadership().term;
        out.members = view.members;
        reply(boot::join_answer(uuid, out));
      });
      return;
    }
    auto text = r.detail() + (r.hint().empty() ? "" : "; " + r.hint());
    if (code == errc::conflict)
      reply(boot::join_answer(
          uuid, boot::refusal{boot::refusal_code::name_in_use, text}));
    else if (code == errc::foreign_node)
      reply(boot::join_answer(
          uuid, boot::refusal{boot::refusal_code::removed_member, text}));
    else
      reply(boot::join_answer(
          uuid, boot::join_retry{std::chrono::milliseconds{500}, text}));
  });
}

} // namespace troupe
