#include <troupe/cluster/bootstrap/cluster_search.hpp>

#include <algorithm>
#include <utility>

#include <troupe/cluster/bootstrap/codec.hpp>

namespace troupe::boot {

namespace {

// More would only be slower to go through.
constexpr std::size_t addresses_max = 256;

constexpr std::size_t uuids_max = 4096;

} // namespace

std::string to_hex(const cluster_id& x) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (auto byte : x.bytes) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

cluster_search::cluster_search(const bootstrap_config& config)
    : own_(config.own),
      roles_(config.roles),
      labels_(config.labels),
      weight_(config.weight),
      timing_(config.timing) {
  // nop
}

bool cluster_search::hear(const boot::address& at, const member_introduction& x,
                          time_point now) {
  if (!cluster_)
    cluster_ = x.cluster;
  if (*cluster_ != x.cluster)
    return false;
  auto learn = [&](const boot::uuid& who, const boot::address& where) {
    if (uuids_.size() < uuids_max)
      uuids_.insert(who);
    if (where != own_.address && addresses_.size() < addresses_max)
      addresses_.insert(where);
  };
  learn(x.uuid, x.address);
  for (auto& one : x.members)
    learn(one.uuid, one.address);
  members_[at] = {x.name, x.can_forward_joins, now};
  return true;
}

std::optional<cluster_search::ask> cluster_search::next_ask(time_point now) {
  if (asked_ && now >= asked_->deadline)
    asked_.reset();
  if (!cluster_ || asked_ || now < not_before_)
    return std::nullopt;
  auto may = [&](auto& row) {
    return row.second.can_forward
           && now - row.second.heard_at <= timing_.heard_for;
  };
  auto next =
      std::find_if(members_.upper_bound(last_asked_), members_.end(), may);
  if (next == members_.end())
    next = std::find_if(members_.begin(), members_.end(), may);
  if (next == members_.end())
    return std::nullopt;
  last_asked_ = next->first;
  asked_ = asked{last_asked_, now + timing_.join_timeout};
  ever_asked_ = true;
  not_before_ = now + timing_.retry;
  return ask{last_asked_, encode_request(join_request{*cluster_, own_, roles_,
                                                      labels_, weight_})};
}

std::optional<std::variant<admitted, refusal>>
cluster_search::on_reply(const boot::address& from, const join_reply& x,
                         time_point now,
                         std::optional<ignored_reason>& ignored) {
  if (x.who != own_.uuid || !ever_asked_) {
    ignored = ignored_reason::unexpected;
    return std::nullopt;
  }
  if (auto* yes = std::get_if<admitted>(&x.outcome)) {
    if (yes->cluster == *cluster_)
      return *yes;
    ignored = ignored_reason::foreign;
  } else if (auto* no = std::get_if<refusal>(&x.outcome)) {
    return *no;
  } else if (asked_ && asked_->to == from) {
    auto& later = std::get<join_retry>(x.outcome);
    asked_.reset();
    word_ = "; " + from + " says: " + later.sentence;
    not_before_ = std::max<time_point>(not_before_, now + later.after);
  } else {
    ignored = ignored_reason::unexpected;
  }
  return std::nullopt;
}

void cluster_search::on_failed(const boot::address& to) {
  members_.erase(to);
  if (asked_ && asked_->to == to)
    asked_.reset();
}

std::optional<time_point> cluster_search::wake_at(time_point now) const {
  if (asked_)
    return asked_->deadline;
  if (not_before_ > now)
    return not_before_;
  return std::nullopt;
}

std::string cluster_search::status() const {
  if (!cluster_)
    return {};
  auto text = "found cluster " + to_hex(*cluster_);
  if (asked_)
    return text + ": asking " + asked_->to + " to be let in" + word_;
  if (std::none_of(members_.begin(), members_.end(),
                   [](auto& row) { return row.second.can_forward; }))
    return text + ": waiting for a member that sees a leader" + word_;
  return text + ": about to ask again" + word_;
}

} // namespace troupe::boot
