#include <troupe/runtime/group/engine.hpp>

#include <algorithm>
#include <filesystem>
#include <future>
#include <random>
#include <utility>

#include <troupe/proto/group.pb.h>
#include <troupe/runtime/boot_clock.hpp>

// Becoming a member.
namespace troupe::raft {

namespace {

refusal from_disk(const disk::refusal& x) {
  auto asked = x.code == disk::errc::invalid;
  return {asked ? group_code::invalid : group_code::disk, x.what};
}

std::uint64_t random_number() {
  std::random_device source;
  return (std::uint64_t{source()} << 32 | source()) | 1;
}

} // namespace

std::string engine::to_bytes(const disk::uuid& x) {
  return {reinterpret_cast<const char*>(x.data()), x.size()};
}

std::string engine::group_bytes() const {
  return to_bytes(directory_->who().cluster);
}

std::optional<refusal> engine::start() {
  {
    std::lock_guard guard{mutex_};
    if (stopping_ || links_)
      return refusal{group_code::stopped, "a member starts once"};
  }
  if (auto flaw = find_flaw(options_.settings); !flaw.empty())
    return refusal{group_code::invalid, flaw};
  std::vector<std::string> addresses = options_.join;
  for (auto& x : options_.members)
    addresses.push_back(x.address);
  if (!options_.address.empty())
    addresses.push_back(options_.address);
  for (auto& x : addresses)
    if (auto flaw = flaw_of_address(x); !flaw.empty())
      return refusal{group_code::invalid, flaw};
  auto links = options_.links;
  links.seed = random_number();
  if (auto flaw = link::check(links))
    return refusal{group_code::invalid, *flaw};
  // The port first: a start that fails for want of it leaves nothing behind.
  link::transport_handler& handler = *this;
  links_ =
      std::make_unique<link::asio_transport>(links, options_.listen, handler);
  if (auto why = links_->start())
    return refusal{group_code::network, why->text};
  address_ =
      options_.address.empty() ? links_->local_address() : options_.address;
  if (auto why = open_directory())
    return why;
  if (auto why = open_core())
    return why;
  return std::nullopt;
}

std::optional<refusal> engine::open_directory() {
  std::error_code ignored;
  auto parent = std::filesystem::path{options_.data}.parent_path();
  if (!parent.empty())
    std::filesystem::create_directories(parent, ignored);
  auto opened =
      member_directory::open(disk::posix_file_system(), options_.data);
  if (!opened)
    return from_disk(opened.error());
  directory_.emplace(std::move(*opened));
  if (!options_.join.empty())
    return join();
  if (directory_->is_member())
    return std::nullopt;
  auto founders = options_.members;
  if (founders.empty())
    founders.push_back({address_, true});
  if (auto ok = directory_->found(founders, address_); !ok)
    return from_disk(ok.error());
  return std::nullopt;
}

std::optional<refusal> engine::join() {
  auto until = boot_now() + options_.join_timeout;
  std::optional<refusal> why;
  for (std::size_t i = 0;; ++i) {
    auto& at = options_.join[i % options_.join.size()];
    bool let_in = false;
    if (at != address_)
      why = ask_to_join(at, let_in);
    if (let_in)
      return std::nullopt;
    // A member that knows its group can wait for it.
    bool over = boot_now() >= until || i + 1 >= options_.join.size();
    if (directory_->is_member() && over)
      return std::nullopt;
    if (boot_now() >= until)
      return why ? why
                 : refusal{group_code::network, "there is nobody to ask but "
                                                "this member itself"};
    std::unique_lock guard{mutex_};
    end_.wait_for(guard, std::chrono::milliseconds{200},
                  [this] { return stopping_; });
    if (stopping_)
      return refusal{group_code::stopped, {}};
  }
}

std::optional<refusal> engine::ask_to_join(const std::string& at,
                                           bool& let_in) {
  proto::GroupJoin request;
  request.set_address(address_);
  request.set_uuid(to_bytes(directory_->who().node_uuid));
  request.set_votes(options_.join_votes);
  auto answered =
      std::make_shared<std::promise<link::transport::introduction_result>>();
  links_->introduce(at, request.SerializeAsString(), std::chrono::seconds{10},
                    [answered](link::transport::introduction_result x) {
                      answered->set_value(std::move(x));
                    });
  auto result = answered->get_future().get();
  if (auto* no = std::get_if<link::refusal>(&result))
    return refusal{group_code::network, at + ": " + no->text};
  proto::GroupJoined said;
  disk::uuid group{};
  if (!said.ParseFromString(std::get<std::string>(result)))
    return refusal{group_code::network, at + ": is no member of a group"};
  if (!said.error().empty())
    return refusal{group_code::network, at + ": " + said.error()};
  if (said.id() == 0 || said.group().size() != group.size())
    return refusal{group_code::network, at + ": is no member of a group"};
  std::copy(said.group().begin(), said.group().end(), group.begin());
  auto& who = directory_->who();
  if (directory_->is_member()
      && (who.cluster != group || who.node.value != said.id()))
    return refusal{group_code::network,
                   at + ": belongs to another group than " + options_.data};
  if (!directory_->is_member())
    if (auto ok = directory_->joined(group, member_id{said.id()}); !ok)
      return from_disk(ok.error());
  for (auto& x : said.members())
    if (x.id() != said.id())
      first_peers_.push_back({member_id{x.id()}, {}, x.address()});
  let_in = true;
  return std::nullopt;
}

std::optional<refusal> engine::open_core() {
  auto opened = directory_->start(options_.segment_bytes, true,
                                  links_->add_event([this] { on_disk(); }));
  if (!opened)
    return from_disk(opened.error());
  auto& who = directory_->who();
  self_ = who.node;
  roster members;
  if (opened->snapshot) {
    auto restored = restore_machine(std::move(*opened->snapshot), *machine_);
    if (!restored)
      return from_disk(restored.error());
    members = std::move(*restored);
  }
  group_config config;
  config.self = self_;
  config.boot = random_number();
  config.seed = random_number();
  config.settings = options_.settings;
  auto flaw = raft::find_flaw(
      core_settings(config.settings, self_, config.seed), opened->log);
  if (!flaw.empty())
    return refusal{group_code::disk, options_.data + ": " + flaw};

  link::identity self;
  self.cluster = who.cluster;
  self.node = self_;
  self.incarnation = who.self;
  self.boot = config.boot;
  self.uuid = who.node_uuid;
  self.name = address_;
  self.address = address_;
  core_ = std::make_unique<group_core>(config, std::move(opened->log), members,
                                       boot_now());
  core_->met(self_, to_bytes(who.node_uuid));
  writer_ = std::make_unique<group_writer>(
      std::move(opened->store),
      group_writer::callbacks{[this](std::uint64_t batch) {
                                post([batch](group_core& core, boot_time) {
                                  core.persisted(batch);
                                });
                              },
                              [this](const disk::refusal& why) {
                                end_by_itself({group_code::disk, why.what});
                              }});
  if (options_.machine_thread)
    machine_thread_ = std::make_unique<work_queue>();
  publish();
  std::lock_guard guard{mutex_};
  if (stopping_)
    return ended_ ? *ended_ : refusal{group_code::stopped, {}};
  running_ = begun_ = true;
  links_->post([this, self] { begin(self); }); // before any work
  return std::nullopt;
}

void engine::begin(const link::identity& self) {
  at_work_ = true;
  links_->set_identity(self);
  set_peers();
  perform(boot_now());
  links_->every(options_.settings.tick, [this] { tick(); });
}

} // namespace troupe::raft
