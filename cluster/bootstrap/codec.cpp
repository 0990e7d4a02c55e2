#include <troupe/cluster/bootstrap/codec.hpp>

#include <utility>

#include <troupe/proto/bootstrap.pb.h>

namespace troupe::boot {

namespace {

constexpr std::size_t members_max = 4096;
constexpr std::size_t labels_max = 256;
constexpr std::size_t sentence_bytes_max = 4096;

// Continuation bytes that follow a first byte; none: not a first byte.
std::optional<int> continuation(unsigned char first) {
  if (first < 0x80)
    return 0;
  if (first >= 0xc2 && first <= 0xdf)
    return 1;
  if (first >= 0xe0 && first <= 0xef)
    return 2;
  if (first >= 0xf0 && first <= 0xf4)
    return 3;
  return std::nullopt;
}

// UTF-8 without control characters.
bool printable(std::string_view x) {
  while (!x.empty()) {
    auto first = static_cast<unsigned char>(x[0]);
    auto more = continuation(first);
    if (!more || first < 0x20 || first == 0x7f
        || x.size() <= static_cast<std::size_t>(*more))
      return false;
    std::uint32_t code = first & (0xffu >> (*more + 2));
    for (int i = 1; i <= *more; ++i) {
      auto byte = static_cast<unsigned char>(x[i]);
      if ((byte & 0xc0) != 0x80)
        return false;
      code = code << 6 | (byte & 0x3fu);
    }
    // Overlong forms, surrogates, control characters of Latin-1, the end.
    if ((*more == 1 && code < 0xa0) || (*more == 2 && code < 0x800)
        || (*more == 3 && (code < 0x10000 || code > 0x10ffff))
        || (code >= 0xd800 && code <= 0xdfff))
      return false;
    x.remove_prefix(1 + static_cast<std::size_t>(*more));
  }
  return true;
}

bool valid_sentence(std::string_view x) {
  return x.size() <= sentence_bytes_max && printable(x);
}

// The five fields that candidates and joiners share.
template <class Message>
void put_introduction(const introduction& from, Message& to) {
  put_id(from.uuid, *to.mutable_uuid());
  to.set_name(from.name);
  to.set_address(from.address);
  to.set_protocol_min(from.protocol_min);
  to.set_protocol_max(from.protocol_max);
}

template <class Message>
bool get_introduction(const Message& from, introduction& to) {
  to.name = from.name();
  to.address = from.address();
  to.protocol_min = from.protocol_min();
  to.protocol_max = from.protocol_max();
  return get_id(from.uuid(), to.uuid) && valid_text(to.name)
         && valid_text(to.address) && to.protocol_min <= to.protocol_max;
}

template <class List>
void put_members(const std::vector<member>& from, List& to) {
  for (auto& one : from) {
    auto& row = *to.Add();
    row.set_node(one.node.value);
    put_id(one.uuid, *row.mutable_uuid());
    row.set_name(one.name);
    row.set_address(one.address);
  }
}

template <class List>
bool get_members(const List& from, std::vector<member>& to) {
  if (static_cast<std::size_t>(from.size()) > members_max)
    return false;
  for (auto& row : from) {
    auto& one = to.emplace_back();
    one = {node_id{row.node()}, {}, row.name(), row.address()};
    if (!one.node || !get_id(row.uuid(), one.uuid) || !valid_text(one.name)
        || !valid_text(one.address))
      return false;
  }
  return true;
}

void put(const candidate& from, proto::Introduction& to) {
  put_introduction(from.who, to);
  to.set_expect(from.expect);
  if (from.group)
    put_id(from.group, *to.mutable_group());
  for (auto& one : from.heard)
    put_id(one, *to.add_heard());
  if (from.persisted)
    to_proto(*from.persisted, *to.mutable_persisted());
}

std::optional<candidate> get(const proto::Introduction& from) {
  candidate to;
  to.expect = from.expect();
  if (!get_introduction(from, to.who) || to.expect > candidates_max
      || static_cast<std::size_t>(from.heard_size()) > candidates_max)
    return std::nullopt;
  if (to.expect == 0)
    return to;
  if (!get_id(from.group(), to.group))
    return std::nullopt;
  for (auto& one : from.heard())
    if (!get_id(one, to.heard.emplace_back()))
      return std::nullopt;
  if (from.has_persisted()) {
    to.persisted = from_proto(from.persisted());
    if (!to.persisted)
      return std::nullopt;
  }
  return to;
}

void put(const refusal& from, proto::BootstrapRefusal& to) {
  to.set_code(static_cast<std::uint32_t>(from.code));
  to.set_sentence(from.sentence);
}

// A code of a later version still ends the start, with its sentence.
std::optional<refusal> get(const proto::BootstrapRefusal& from) {
  if (from.code() == 0 || from.code() > 255 || !valid_sentence(from.sentence()))
    return std::nullopt;
  return refusal{static_cast<refusal_code>(from.code()), from.sentence()};
}

std::optional<member_introduction> get(const proto::MemberIntroduction& from) {
  member_introduction to;
  to.name = from.name();
  to.address = from.address();
  to.can_forward_joins = from.can_forward_joins();
  if (!get_id(from.cluster(), to.cluster) || !get_id(from.uuid(), to.uuid)
      || !valid_text(to.name) || !valid_text(to.address)
      || !get_members(from.members(), to.members))
    return std::nullopt;
  return to;
}

std::optional<join_request> get(const proto::JoinRequest& from) {
  join_request to;
  if (!get_id(from.cluster(), to.cluster) || !get_introduction(from, to.who)
      || static_cast<std::size_t>(from.roles_size()) > labels_max
      || static_cast<std::size_t>(from.labels_size()) > labels_max)
    return std::nullopt;
  to.roles.assign(from.roles().begin(), from.roles().end());
  if (!std::all_of(to.roles.begin(), to.roles.end(), valid_text))
    return std::nullopt;
  for (auto& label : from.labels()) {
    if (!valid_text(label.key()) || !valid_sentence(label.value()))
      return std::nullopt;
    to.labels[label.key()] = label.value();
  }
  to.weight = from.weight();
  return to;
}

std::optional<join_reply> get(const proto::JoinReply& from) {
  join_reply to;
  if (!get_id(from.uuid(), to.who))
    return std::nullopt;
  if (from.has_admitted()) {
    auto& row = from.admitted();
    admitted one;
    one.node = node_id{row.node()};
    one.first_incarnation = incarnation{row.first_incarnation()};
    one.term = raft::term{row.term()};
    if (!get_id(row.cluster(), one.cluster) || !one.node
        || !one.first_incarnation || !get_members(row.members(), one.members))
      return std::nullopt;
    to.outcome = std::move(one);
  } else if (from.has_refused()) {
    auto one = get(from.refused());
    if (!one)
      return std::nullopt;
    to.outcome = std::move(*one);
  } else if (from.has_retry()) {
    constexpr std::uint64_t after_ms_max = 60'000;
    if (!valid_sentence(from.retry().sentence()))
      return std::nullopt;
    to.outcome = join_retry{std::chrono::milliseconds{std::min(
                                from.retry().after_ms(), after_ms_max)},
                            from.retry().sentence()};
  } else {
    return std::nullopt;
  }
  return to;
}

template <class Message>
bool parse(std::string_view bytes, Message& to) {
  return bytes.size() <= 16u << 20
         && to.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// The value if there is one, else nothing.
template <class Result, class T>
Result or_nothing(std::optional<T> x) {
  return x ? Result{std::move(*x)} : Result{};
}

} // namespace

bool valid_text(std::string_view x) {
  return !x.empty() && x.size() <= 255 && printable(x);
}

void to_proto(const founding_set& from, proto::FoundingSet& to) {
  to.set_generation(from.generation);
  for (auto& one : from.candidates)
    to.add_candidates(one);
  for (auto& one : from.founders) {
    auto& row = *to.add_founders();
    put_id(one.uuid, *row.mutable_uuid());
    row.set_name(one.name);
    row.set_address(one.address);
  }
}

std::optional<founding_set> from_proto(const proto::FoundingSet& from) {
  founding_set to;
  to.generation = from.generation();
  to.candidates.assign(from.candidates().begin(), from.candidates().end());
  for (auto& row : from.founders()) {
    auto& one = to.founders.emplace_back();
    if (!get_id(row.uuid(), one.uuid))
      return std::nullopt;
    one.name = row.name();
    one.address = row.address();
  }
  if (!well_formed(to))
    return std::nullopt;
  return to;
}

std::string encode_request(const candidate& x) {
  proto::BootstrapRequest out;
  put(x, *out.mutable_introduction());
  return out.SerializeAsString();
}

std::string encode_request(const join_request& x) {
  proto::BootstrapRequest out;
  auto& to = *out.mutable_join();
  put_id(x.cluster, *to.mutable_cluster());
  put_introduction(x.who, to);
  for (auto& role : x.roles)
    to.add_roles(role);
  for (auto& [key, value] : x.labels) {
    auto& row = *to.add_labels();
    row.set_key(key);
    row.set_value(value);
  }
  to.set_weight(x.weight);
  return out.SerializeAsString();
}

request decode_request(std::string_view bytes) {
  proto::BootstrapRequest in;
  if (!parse(bytes, in))
    return {};
  if (in.has_introduction())
    return or_nothing<request>(get(in.introduction()));
  if (in.has_join())
    return or_nothing<request>(get(in.join()));
  return {};
}

std::string encode_reply(const candidate& x) {
  proto::BootstrapReply out;
  put(x, *out.mutable_introduction()->mutable_candidate());
  return out.SerializeAsString();
}

std::string encode_reply(const member_introduction& x) {
  proto::BootstrapReply out;
  auto& to = *out.mutable_introduction()->mutable_member();
  put_id(x.cluster, *to.mutable_cluster());
  put_id(x.uuid, *to.mutable_uuid());
  to.set_name(x.name);
  to.set_address(x.address);
  to.set_can_forward_joins(x.can_forward_joins);
  put_members(x.members, *to.mutable_members());
  return out.SerializeAsString();
}

std::string encode_reply(const refusal& x) {
  proto::BootstrapReply out;
  put(x, *out.mutable_introduction()->mutable_refused());
  return out.SerializeAsString();
}

std::string encode_reply(const join_reply& x) {
  proto::BootstrapReply out;
  auto& to = *out.mutable_join();
  put_id(x.who, *to.mutable_uuid());
  if (auto* yes = std::get_if<admitted>(&x.outcome)) {
    auto& row = *to.mutable_admitted();
    put_id(yes->cluster, *row.mutable_cluster());
    row.set_node(yes->node.value);
    row.set_first_incarnation(yes->first_incarnation.value);
    row.set_term(yes->term.value);
    put_members(yes->members, *row.mutable_members());
  } else if (auto* no = std::get_if<refusal>(&x.outcome)) {
    put(*no, *to.mutable_refused());
  } else {
    auto& later = std::get<join_retry>(x.outcome);
    auto after = std::max<std::int64_t>(later.after.count(), 0);
    to.mutable_retry()->set_after_ms(static_cast<std::uint64_t>(after));
    to.mutable_retry()->set_sentence(later.sentence);
  }
  return out.SerializeAsString();
}

reply decode_reply(std::string_view bytes) {
  proto::BootstrapReply in;
  if (!parse(bytes, in))
    return {};
  if (in.has_join())
    return or_nothing<reply>(get(in.join()));
  auto& from = in.introduction();
  if (from.has_candidate())
    return or_nothing<reply>(get(from.candidate()));
  if (from.has_member())
    return or_nothing<reply>(get(from.member()));
  if (from.has_refused())
    return or_nothing<reply>(get(from.refused()));
  return {};
}

} // namespace troupe::boot
