#include <troupe/cluster/group/roster.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include <troupe/proto/group.pb.h>

namespace troupe::raft {

namespace {

constexpr std::size_t gone_max = 256;

} // namespace

std::string flaw_of_address(std::string_view text) {
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  unsigned port = 0;
  if (colon != text.npos) {
    auto* end = text.data() + text.size();
    auto [at, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || at != end)
      port = 0;
  }
  auto strange = [](unsigned char c) { return c <= ' ' || c == 127; };
  bool number = host.starts_with('[') && host.ends_with(']');
  if (port != 0 && port < 65536 && !host.empty() && text.size() <= 300
      && (number || host.find(':') == host.npos) && !host.starts_with('-')
      && std::none_of(host.begin(), host.end(), strange))
    return {};
  return "'" + std::string{text.substr(0, 300)}
         + "' is no address: write HOST:PORT, such as 127.0.0.1:7001";
}

roster roster::found(std::vector<founder> founders) {
  std::sort(founders.begin(), founders.end(),
            [](auto& a, auto& b) { return a.address < b.address; });
  roster out;
  for (auto& x : founders)
    if (out.rows_.empty() || out.rows_.back().address != x.address)
      out.rows_.push_back({member_id{out.next_id_++},
                           std::move(x.address),
                           {},
                           x.votes,
                           false});
  return out;
}

configuration roster::wanted() const {
  configuration out;
  for (auto& x : rows_)
    if (!x.leaving)
      (x.votes ? out.voters : out.learners).push_back(x.id);
  return out;
}

const member_row* roster::find(member_id id) const {
  auto at = std::lower_bound(rows_.begin(), rows_.end(), id,
                             [](auto& x, auto id) { return x.id < id; });
  return at != rows_.end() && at->id == id ? &*at : nullptr;
}

const member_row* roster::find(const std::string& address) const {
  auto at = std::find_if(rows_.begin(), rows_.end(), [&](auto& x) {
    return x.address == address && !x.leaving;
  });
  return at != rows_.end() ? &*at : nullptr;
}

member_row* roster::row(member_id id) {
  return const_cast<member_row*>(std::as_const(*this).find(id));
}

std::size_t roster::voters() const {
  return static_cast<std::size_t>(
      std::count_if(rows_.begin(), rows_.end(),
                    [](auto& x) { return x.votes && !x.leaving; }));
}

auto roster::add(const std::string& address, const std::string& uuid,
                 bool votes, std::size_t members_max) -> outcome {
  if (address.empty())
    return {group_code::invalid, {}};
  // Who asked before, and did not hear the answer, gets the same one.
  for (auto& x : rows_)
    if (!uuid.empty() && x.uuid == uuid)
      return {x.leaving ? group_code::removed : group_code::none, x.id};
  if (!uuid.empty() && std::ranges::find(gone_, uuid) != gone_.end())
    return {group_code::removed, {}};
  if (auto* known = find(address)) {
    if (!known->uuid.empty() || uuid.empty())
      return {group_code::known_member, known->id};
    row(known->id)->uuid = uuid;
    return {group_code::none, known->id};
  }
  auto staying = std::count_if(rows_.begin(), rows_.end(),
                               [](auto& x) { return !x.leaving; });
  if (members_max != 0 && static_cast<std::size_t>(staying) >= members_max)
    return {group_code::too_many_members, {}};
  rows_.push_back({member_id{next_id_++}, address, uuid, votes, false});
  return {group_code::none, rows_.back().id};
}

auto roster::apply(const proto::GroupMemberCommand& command,
                   std::size_t voters_min, std::size_t members_max) -> outcome {
  using what = proto::GroupMemberCommand;
  if (command.what_case() == what::kAdd) {
    auto& x = command.add();
    return add(x.address(), x.uuid(), x.votes(), members_max);
  }
  auto id =
      member_id{command.what_case() == what::kRemove    ? command.remove()
                : command.what_case() == what::kPromote ? command.promote()
                : command.what_case() == what::kDemote  ? command.demote()
                : command.what_case() == what::kGone    ? command.gone()
                : command.what_case() == what::kSeen    ? command.seen().id()
                                                        : 0};
  auto* x = row(id);
  if (x == nullptr)
    return {id ? group_code::unknown_member : group_code::invalid, id};
  switch (command.what_case()) {
  case what::kRemove:
    if (x->votes && !x->leaving
        && voters() <= std::max<std::size_t>(voters_min, 1))
      return {group_code::too_few_voters, id};
    x->leaving = true;
    break;
  case what::kPromote:
    if (x->leaving)
      return {group_code::unknown_member, id};
    x->votes = true;
    break;
  case what::kDemote:
    if (x->votes && !x->leaving
        && voters() <= std::max<std::size_t>(voters_min, 1))
      return {group_code::too_few_voters, id};
    x->votes = false;
    break;
  case what::kSeen:
    if (x->uuid.empty())
      x->uuid = command.seen().uuid();
    break;
  case what::kGone:
    if (!x->leaving)
      return {group_code::invalid, id};
    if (!x->uuid.empty())
      gone_.push_back(std::move(x->uuid));
    if (gone_.size() > gone_max)
      gone_.erase(gone_.begin());
    rows_.erase(rows_.begin() + (x - rows_.data()));
    break;
  default:
    return {group_code::invalid, id};
  }
  return {group_code::none, id};
}

void roster::save(proto::GroupRoster& to) const {
  for (auto& x : rows_) {
    auto& out = *to.add_members();
    out.set_id(x.id.value);
    out.set_address(x.address);
    out.set_uuid(x.uuid);
    out.set_votes(x.votes);
    out.set_leaving(x.leaving);
  }
  to.set_next_id(next_id_);
  for (auto& uuid : gone_)
    to.add_gone(uuid);
}

std::optional<roster> roster::load(const proto::GroupRoster& from) {
  roster out;
  out.next_id_ = from.next_id();
  out.gone_.assign(from.gone().begin(), from.gone().end());
  for (auto& x : from.members()) {
    auto least = out.rows_.empty() ? 1 : out.rows_.back().id.value + 1;
    if (x.id() < least || x.id() >= from.next_id() || x.address().empty())
      return std::nullopt;
    out.rows_.push_back(
        {member_id{x.id()}, x.address(), x.uuid(), x.votes(), x.leaving()});
  }
  return out;
}

} // namespace troupe::raft
