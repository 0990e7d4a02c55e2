#include <troupe/cluster/bootstrap/member_answer.hpp>

#include <algorithm>

#include <troupe/cluster/bootstrap/cluster_search.hpp>
#include <troupe/cluster/bootstrap/codec.hpp>
#include <troupe/cluster/bootstrap/founding_council.hpp>

namespace troupe::boot {

namespace {

std::string versions(const introduction& x) {
  auto min = std::to_string(x.protocol_min);
  return x.protocol_min == x.protocol_max
             ? min
             : min + " to " + std::to_string(x.protocol_max);
}

std::optional<refusal> find_refusal(const introduction& who,
                                    const member_view& view) {
  if (auto flaw = protocol_refusal(who, view.own))
    return flaw;
  if (std::find(view.removed.begin(), view.removed.end(), who.uuid)
      != view.removed.end())
    return refusal{refusal_code::removed_member,
                   "node " + who.name + " was removed from cluster "
                       + to_hex(view.cluster)
                       + ": clear its data directory to let it join as a new "
                         "node"};
  if (who.uuid == view.own.uuid && who.address != view.own.address)
    return copied_directory(who.address, view.own.address);
  return std::nullopt;
}

} // namespace

refusal copied_directory(const address& a, const address& b) {
  return {refusal_code::copied_data_directory,
          a + " and " + b
              + " run with the same uuid: one data directory is a copy of the "
                "other; stop one node and clear its data directory"};
}

std::optional<refusal> protocol_refusal(const introduction& who,
                                        const introduction& other) {
  if (compatible(who, other))
    return std::nullopt;
  auto older = who.protocol_max < other.protocol_min;
  return refusal{refusal_code::protocol_mismatch,
                 who.address + " speaks protocol " + versions(who) + ", "
                     + other.address + " " + versions(other)
                     + ": install a newer version on "
                     + (older ? who.address : other.address)};
}

member_reply member_answer(std::string_view request, const member_view& view) {
  auto in = decode_request(request);
  member_reply result;
  if (auto* starting = std::get_if<candidate>(&in)) {
    if (auto no = find_refusal(starting->who, view))
      result.bytes = encode_reply(*no);
    else
      result.bytes = encode_reply(member_introduction{
          view.cluster, view.own.uuid, view.own.name, view.own.address,
          view.can_forward_joins, view.members});
  } else if (auto* join = std::get_if<join_request>(&in)) {
    auto no = find_refusal(join->who, view);
    if (!no && join->cluster != view.cluster)
      no = refusal{
          refusal_code::other_cluster,
          view.own.address + " is a member of cluster " + to_hex(view.cluster)
              + ", not of cluster " + to_hex(join->cluster)
              + ": correct the join list so that it names one cluster"};
    if (no)
      result.bytes = join_answer(join->who.uuid, *no);
    else
      result.join = std::move(*join);
  } else {
    result.ignored = ignored_reason::malformed;
  }
  return result;
}

std::string join_answer(const uuid& who, const join_outcome& outcome) {
  return encode_reply(join_reply{who, outcome});
}

} // namespace troupe::boot
