#include <troupe/runtime/log/partition_state_files.hpp>

#include <cctype>

#include <troupe/runtime/log/bytes.hpp>
#include <troupe/runtime/log/crc32c.hpp>

namespace troupe::disk {

namespace {

// magic | u32 version | u32 crc32c of what follows | u64 epoch | u32 partition
// | u32 bytes of the region's name | the name | the state
constexpr std::string_view magic = "troupePS";
constexpr std::uint32_t version = 1;
constexpr std::size_t checked_at = 16;
constexpr std::size_t fixed_bytes = 32;
constexpr std::size_t region_bytes_max = 200;
constexpr std::string_view suffix = ".state";

// Letters, digits and what else no file system minds; the rest as %xx. Upper
// case is escaped too, for file systems that do not tell it apart.
std::string file_name(std::string_view region, partition_id partition) {
  std::string to;
  for (unsigned char c : region) {
    if ((c >= 'a' && c <= 'z') || std::isdigit(c) || c == '_' || c == '-')
      to += static_cast<char>(c);
    else
      to += "%" + to_hex({reinterpret_cast<const char*>(&c), 1});
  }
  return to + "." + std::to_string(partition) + std::string{suffix};
}

} // namespace

partition_state_files::partition_state_files(file_system& fs,
                                             std::string directory)
    : fs_(&fs), directory_(std::move(directory)) {
}

result<partition_state_files>
partition_state_files::open(const directory_lock& lock) {
  auto directory = lock.directory() + "/partitions";
  if (auto ok = make_directory(lock.fs(), directory); !ok)
    return ok.error();
  return partition_state_files{lock.fs(), std::move(directory)};
}

std::string partition_state_files::path(std::string_view region,
                                        partition_id partition) const {
  return directory_ + "/" + file_name(region, partition);
}

result<void> partition_state_files::save(std::string_view region,
                                         partition_id partition, epoch which,
                                         std::string_view bytes) {
  if (file_name(region, partition).size() > region_bytes_max)
    return refusal{errc::invalid, "the region's name is too long for a file "
                                  "name; its partitions cannot be saved"};
  std::string to{magic};
  put(to, version);
  put(to, std::uint32_t{0});
  put(to, which.value);
  put(to, partition);
  put(to, static_cast<std::uint32_t>(region.size()));
  to.append(region).append(bytes);
  put(to.data() + checked_at - 4,
      crc32c(0, std::string_view{to}.substr(checked_at)));
  return replace_file(*fs_, path(region, partition), to);
}

result<std::optional<partition_state>>
partition_state_files::load(std::string_view region,
                            partition_id partition) const {
  auto file = path(region, partition);
  auto bytes = read_file(*fs_, file);
  if (!bytes && bytes.error().code == errc::not_found)
    return std::optional<partition_state>{};
  if (!bytes)
    return bytes.error();
  std::string_view all{*bytes};
  if (all.size() < fixed_bytes || !all.starts_with(magic))
    return refusal{errc::foreign, file
                                      + ": is not a partition's state; delete "
                                        "it"};
  if (get<std::uint32_t>(all.data() + checked_at - 4)
      != crc32c(0, all.substr(checked_at)))
    return refusal{errc::corrupt,
                   file + ": is damaged; the partition starts without it"};
  if (get<std::uint32_t>(all.data() + magic.size()) != version)
    return refusal{errc::foreign, file
                                      + ": was written by another version of "
                                        "troupe; start that version"};
  partition_state to;
  to.epoch.value = get<std::uint64_t>(all.data() + checked_at);
  to.partition = get<std::uint32_t>(all.data() + checked_at + 8);
  auto name_bytes = get<std::uint32_t>(all.data() + checked_at + 12);
  to.region = all.substr(fixed_bytes, name_bytes);
  if (to.region != region || to.partition != partition)
    return refusal{errc::foreign,
                   file + ": is another partition's state; delete it"};
  to.bytes = all.substr(fixed_bytes + name_bytes);
  return std::optional<partition_state>{std::move(to)};
}

result<void> partition_state_files::remove(std::string_view region,
                                           partition_id partition) {
  auto file = path(region, partition);
  if (auto rc = fs_->unlink(file); rc != 0) {
    auto why = failed_call("delete", file, rc);
    if (why.code != errc::not_found)
      return why;
  }
  return {};
}

result<void> partition_state_files::remove_all() {
  std::vector<std::string> names;
  if (auto rc = fs_->list(directory_, names); rc != 0)
    return failed_call("list", directory_, rc);
  for (auto& name : names)
    if (auto rc = fs_->unlink(directory_ + "/" + name); rc != 0)
      return failed_call("delete", directory_ + "/" + name, rc);
  return {};
}

result<void> partition_state_files::sync() {
  return sync_directory(*fs_, directory_);
}

} // namespace troupe::disk
