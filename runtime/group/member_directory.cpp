#include <troupe/runtime/group/member_directory.hpp>

#include <troupe/cluster/bootstrap/digest.hpp>

namespace troupe::raft {

namespace {

// The founding as it is kept: an address a line, '-' before those that do not
// vote.
std::string to_text(const roster& members) {
  std::string out = "group";
  for (auto& x : members.rows())
    out += (x.votes ? " " : " -") + x.address;
  return out;
}

std::vector<founder> founders_from(const std::string& text) {
  std::vector<founder> out;
  for (std::size_t at = text.find(' '); at != text.npos;) {
    auto end = text.find(' ', ++at);
    auto word = text.substr(at, end == text.npos ? end : end - at);
    bool votes = !word.starts_with('-');
    out.push_back({votes ? word : word.substr(1), votes});
    at = end;
  }
  return out;
}

} // namespace

disk::result<member_directory> member_directory::open(disk::file_system& fs,
                                                      const std::string& path) {
  auto lock = disk::directory_lock::acquire(fs, path);
  if (!lock)
    return lock.error();
  member_directory out{std::move(*lock)};
  disk::identity_file file{out.lock_};
  auto known = file.load();
  if (!known)
    return known.error();
  if (*known) {
    out.who_ = **known;
    if (out.is_member() && !out.who_.founding.starts_with("group"))
      return disk::refusal{disk::errc::foreign,
                           path
                               + " belongs to a node of a cluster; give the "
                                 "group's member a directory of its own"};
    return out;
  }
  out.who_.node_uuid = disk::random_uuid();
  if (auto ok = file.store(out.who_); !ok)
    return ok.error();
  return out;
}

disk::result<void> member_directory::found(const std::vector<founder>& founders,
                                           const std::string& address) {
  auto members = roster::found(founders);
  auto* self = members.find(address);
  if (self == nullptr || members.wanted().voters.empty())
    return disk::refusal{disk::errc::invalid,
                         "the list of members must hold this one's own address "
                             + address
                             + " and one that votes; correct it, or join"};
  who_.founding = to_text(members);
  who_.cluster = boot::digest(who_.founding);
  who_.node = self->id;
  who_.name = address;
  return disk::identity_file{lock_}.store(who_);
}

disk::result<void> member_directory::joined(const disk::uuid& group,
                                            member_id id) {
  who_.founding = "group";
  who_.cluster = group;
  who_.node = id;
  return disk::identity_file{lock_}.store(who_);
}

auto member_directory::start(std::uint64_t segment_bytes, bool background,
                             int event) -> disk::result<contents> {
  auto counted = disk::identity_file{lock_}.start();
  if (!counted)
    return counted.error();
  who_ = *counted;
  disk::store_settings settings;
  settings.segment_bytes = segment_bytes;
  settings.background = background;
  settings.event = event;
  auto opened = disk::raft_store::open(lock_, settings, who_);
  if (!opened)
    return opened.error();
  contents out;
  out.log = std::move(opened->state);
  out.store = std::make_unique<group_store>(std::move(opened->store));
  auto founders = founders_from(who_.founding);
  if (!out.log.snapshot.index && !founders.empty()) {
    auto members = roster::found(founders);
    snapshot_meta meta{log_index{1}, term{1}, members.wanted()};
    if (auto ok = out.store->found(meta, members); !ok)
      return ok.error();
    out.log.hard = {meta.term, {}, meta.index};
    out.log.snapshot = meta;
  }
  if (out.log.snapshot.index) {
    auto snapshot = out.store->open_snapshot();
    if (!snapshot)
      return snapshot.error();
    out.snapshot.emplace(std::move(*snapshot));
  }
  return out;
}

} // namespace troupe::raft
