#include <troupe/cluster/bootstrap/founding_set.hpp>

#include <algorithm>
#include <set>
#include <tuple>

#include <troupe/cluster/bootstrap/codec.hpp>
#include <troupe/cluster/bootstrap/digest.hpp>
#include <troupe/proto/bootstrap.pb.h>

namespace troupe::boot {

namespace {

// Not protobuf's bytes: those may differ between its versions.
class canonical {
public:
  explicit canonical(std::string_view purpose) { text(purpose); }

  void number(std::uint64_t x) {
    for (int i = 0; i < 8; ++i)
      out_.push_back(static_cast<char>(x >> (8 * i)));
  }

  void text(std::string_view x) {
    number(x.size());
    out_.append(x);
  }

  void list(const std::vector<std::string>& xs) {
    number(xs.size());
    for (auto& x : xs)
      text(x);
  }

  template <class Tag>
  void id(const id128<Tag>& x) {
    for (auto byte : x.bytes)
      out_.push_back(static_cast<char>(byte));
  }

  std::array<std::uint8_t, 16> hash() const { return digest(out_); }

private:
  std::string out_;
};

auto rank(const founder& x) {
  return std::tie(x.name, x.uuid);
}

bool strictly_sorted(const std::vector<std::string>& xs) {
  return std::adjacent_find(xs.begin(), xs.end(), std::greater_equal<>{})
         == xs.end();
}

} // namespace

bool founding_group::contains(const boot::address& x) const {
  return std::binary_search(candidates.begin(), candidates.end(), x);
}

group_id id_of(const founding_group& group) {
  canonical out{"troupe founding group 1"};
  out.number(group.expect);
  out.list(group.candidates);
  return {out.hash()};
}

founding_group founding_set::group() const {
  return {candidates, static_cast<std::uint32_t>(founders.size())};
}

const founder* founding_set::find(const boot::uuid& x) const {
  auto i = std::find_if(founders.begin(), founders.end(),
                        [&](auto& one) { return one.uuid == x; });
  return i == founders.end() ? nullptr : &*i;
}

bool founding_set::contains(const boot::uuid& x,
                            const boot::address& at) const {
  auto* one = find(x);
  return one && one->address == at;
}

void sort_by_rank(std::vector<founder>& founders) {
  std::sort(founders.begin(), founders.end(),
            [](auto& a, auto& b) { return rank(a) < rank(b); });
}

bool well_formed(const founding_set& set) {
  auto group = set.group();
  if (set.generation == 0 || set.generation > generations_max
      || group.candidates.size() > candidates_max
      || set.founders.size() > group.candidates.size()
      || set.founders.size() * 2 <= group.candidates.size()
      || !strictly_sorted(group.candidates))
    return false;
  std::set<std::string_view> names, addresses;
  std::set<uuid> uuids;
  for (auto& one : set.founders)
    if (!one.uuid || !valid_text(one.name) || !valid_text(one.address)
        || !group.contains(one.address) || !names.insert(one.name).second
        || !addresses.insert(one.address).second
        || !uuids.insert(one.uuid).second)
      return false;
  return std::is_sorted(set.founders.begin(), set.founders.end(),
                        [](auto& a, auto& b) { return rank(a) < rank(b); });
}

cluster_id id_of(const founding_set& set) {
  canonical out{"troupe cluster 1"};
  out.number(set.generation);
  out.list(set.candidates);
  out.number(set.founders.size());
  for (auto& one : set.founders) {
    out.id(one.uuid);
    out.text(one.name);
    out.text(one.address);
  }
  return {out.hash()};
}

founding found(const founding_set& set) {
  founding result{id_of(set), {}};
  for (auto& one : set.founders)
    result.members.push_back(
        {node_id{result.members.size() + 1}, one.uuid, one.name, one.address});
  return result;
}

std::string to_bytes(const founding_set& set) {
  proto::FoundingRecord record;
  put_id(id_of(set), *record.mutable_cluster());
  to_proto(set, *record.mutable_set());
  return record.SerializeAsString();
}

std::optional<founding_set> founding_set_from(std::string_view bytes) {
  proto::FoundingRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::nullopt;
  auto set = from_proto(record.set());
  cluster_id id;
  if (!set || !get_id(record.cluster(), id) || id != id_of(*set))
    return std::nullopt;
  return set;
}

} // namespace troupe::boot
