// From options to a member of a cluster.
#include <cstdlib>
#include <filesystem>
#include <random>

#include <caf/atom.hpp>

#include <troupe/actors/error.hpp>
#include <troupe/cluster/bootstrap/codec.hpp>
#include <troupe/proto/raft.pb.h>
#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/http_backend.hpp>
#include <troupe/runtime/log/crc32c.hpp>
#include <troupe/runtime/logger.hpp>
#include <troupe/runtime/node_impl.hpp>
#include <troupe/runtime/version.hpp>

namespace troupe {

namespace {

std::uint64_t random_number() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) | 1;
}

std::string to_text(const std::array<std::uint8_t, 16>& bytes) {
  return std::string{bytes.begin(), bytes.end()};
}

// As if it had arrived from a leader: the log begins above it.
disk::result<void> install_first_snapshot(disk::raft_store& store,
                                          const raft::snapshot_meta& meta,
                                          const std::string& bytes) {
  auto begun =
      store.begin_incoming(meta, {bytes.size(), disk::crc32c(0, bytes)});
  if (!begun)
    return begun.error();
  auto added = store.append_incoming(*begun, bytes.substr(*begun));
  if (!added)
    return added.error();
  if (auto finished = store.finish_incoming(); !finished)
    return finished;
  raft::persist_batch batch;
  batch.id = 1;
  batch.install = meta;
  batch.hard = raft::hard_state{meta.term, {}, meta.index};
  batch.must_sync = true;
  return store.write({&batch, 1});
}

} // namespace

failure node::impl::start() {
  auto expected = phase::made;
  if (!phase_.compare_exchange_strong(expected, phase::starting))
    return {errc::wrong_state, "the node was started before",
            "make another one"};
  // Both ports before anybody hears of this node: a start that fails for want
  // of one leaves nothing behind.
  auto steps = {&impl::open_directory,   &impl::open_links, &impl::open_http,
                &impl::enter_cluster,    &impl::open_core,  &impl::serve_http,
                &impl::wait_until_joined};
  auto why = check(options_);
  if (!why && !options_.log.empty())
    logger().set_level(spdlog::level::from_str(options_.log));
  if (!why)
    why = check_regions();
  for (auto step : steps)
    if (!why)
      why = (this->*step)();
  if (why) {
    stop(stop_kind::now);
    return why;
  }
  phase_ = phase::started;
  return {};
}

failure node::impl::open_directory() {
  started_at_ = boot_now();
  boot_id_ = random_number();
  data_ = options_.data;
  if (data_.empty()) {
    auto form =
        (std::filesystem::temp_directory_path() / "troupe-XXXXXX").string();
    if (!::mkdtemp(form.data()))
      return {errc::data_directory, "no temporary directory can be made",
              "set a data directory"};
    data_ = form;
    temporary_ = true;
  }
  std::error_code ignored;
  std::filesystem::create_directories(
      std::filesystem::path{data_}.parent_path(), ignored);
  auto lock = disk::directory_lock::acquire(disk::posix_file_system(), data_);
  if (!lock)
    return from_disk(lock.error());
  lock_ = std::make_unique<disk::directory_lock>(std::move(*lock));
  disk::identity_file file{*lock_};
  auto found = file.load();
  if (!found)
    return from_disk(found.error());
  if (*found) {
    identity_ = **found;
    if (!options_.name.empty() && options_.name != identity_.name)
      return {errc::data_directory,
              "the data directory " + data_ + " belongs to node '"
                  + identity_.name + "', not '" + options_.name + "'",
              "start with that name, or choose an empty directory"};
  } else {
    identity_.node_uuid = disk::random_uuid();
    identity_.name = options_.name;
    if (identity_.name.empty())
      identity_.name =
          "node-" + disk::to_string(identity_.node_uuid).substr(0, 6);
    if (auto stored = file.store(identity_); !stored)
      return from_disk(stored.error());
  }
  return {};
}

failure node::impl::open_links() {
  link::settings settings;
  settings.frame_bytes_max = options_.settings.frame_bytes_max;
  settings.seed = boot_id_;
  links_ =
      std::make_unique<link::asio_transport>(settings, options_.listen, *this);
  if (auto why = links_->start())
    return {errc::address_in_use, why->text, ""};
  address_ =
      options_.advertise.empty() ? links_->local_address() : options_.advertise;
  return {};
}

// -- the core -----------------------------------------------------------------

failure node::impl::open_core() {
  auto opened = disk::raft_store::open(*lock_, {}, identity_);
  if (!opened)
    return from_disk(opened.error());
  auto cluster = to_text(identity_.cluster);
  auto& recovered = opened->state;
  if (recovered.snapshot.index == raft::log_index{}
      && !identity_.founding.empty()) {
    // A founder starts from the map that all founders know: index 1.
    auto set = boot::founding_set_from(identity_.founding);
    if (!set)
      return {errc::data_directory, "the founding set cannot be read",
              "start with an empty data directory"};
    auto founding = boot::found(*set);
    std::vector<founder> founders;
    raft::snapshot_meta meta{raft::log_index{1}, raft::term{1}, {}};
    for (auto& m : founding.members) {
      founders.push_back({m.node, to_text(m.uuid.bytes), m.name, m.address});
      meta.conf.voters.push_back(m.node);
    }
    proto::MapSnapshot first;
    shard_map::found(cluster, founders, raft::log_index{1}).save(first);
    auto bytes = first.SerializeAsString();
    if (auto saved = install_first_snapshot(*opened->store, meta, bytes);
        !saved)
      return from_disk(saved.error());
    recovered.hard = {meta.term, {}, meta.index};
    recovered.snapshot = meta;
  }
  if (admitted_ && recovered.hard.term < admitted_->term) {
    // It may have voted under an id that it now bears: it will not again in
    // the term in which it was admitted.
    raft::persist_batch vote;
    vote.id = 1;
    vote.hard = raft::hard_state{admitted_->term, identity_.node, {}};
    vote.must_sync = true;
    if (auto written = opened->store->write({&vote, 1}); !written)
      return from_disk(written.error());
    recovered.hard = *vote.hard;
  }
  node_recovered disk;
  if (recovered.snapshot.index != raft::log_index{}) {
    auto reader = opened->store->open_snapshot();
    if (!reader)
      return from_disk(reader.error());
    auto bytes = reader->read_all();
    if (!bytes)
      return from_disk(bytes.error());
    disk.snapshot = std::make_shared<const std::string>(std::move(*bytes));
  }
  disk.log = std::move(recovered);
  if (disk.log.hard.commit < disk.log.snapshot.index)
    disk.log.hard.commit = disk.log.snapshot.index;
  if (disk.log.hard.term < disk.log.snapshot.term)
    disk.log.hard = {disk.log.snapshot.term, {}, disk.log.hard.commit};
  auto states = disk::partition_state_files::open(*lock_);
  auto own_states = disk::partition_state_files::open(*lock_);
  if (!states || !own_states)
    return from_disk(states ? own_states.error() : states.error());
  states_.emplace(std::move(*states));

  node_config config;
  config.self = identity_.node;
  config.started = identity_.self;
  config.boot_id = boot_id_;
  config.seed = boot_id_ ^ identity_.node.value;
  config.name = identity_.name;
  config.address = address_;
  config.http_address = http_ ? http_->address() : "";
  config.roles = options_.roles;
  config.labels = options_.labels;
  config.weight = options_.weight;
  config.version = version();
  config.settings = options_.settings;
  config.strategies = strategies_;
  plane_->attach({config.self, config.settings, boot_now, config.started},
                 *links_);
  if (admitted_)
    first_members_ = admitted_->members;

  link::identity self;
  self.cluster = bytes_as<link::bytes16>(identity_.cluster);
  self.node = identity_.node;
  self.incarnation = identity_.self;
  self.boot = boot_id_;
  self.uuid = bytes_as<link::bytes16>(identity_.node_uuid);
  self.name = identity_.name;
  self.address = address_;
  links_->set_identity(self);
  std::vector<link::peer_address> peers;
  for (auto& m : first_members_)
    if (m.node != identity_.node)
      peers.push_back({m.node, {}, m.address});
  links_->set_peers(peers);

  disk_ = std::make_unique<disk_writer>(
      std::move(opened->store), std::move(*own_states),
      options_.settings.keep_tail,
      disk_writer::callbacks{
          [this](disk_done done) {
            std::lock_guard guard{mutex_};
            if (coordinator_)
              caf::anon_send(coordinator_, done);
          },
          [this](const failure& why) { stop_process(why); }});
  auto core = std::make_unique<node_core>(std::move(config), std::move(disk),
                                          boot_now());
  caf::actor_config cfg;
  std::lock_guard guard{mutex_};
  coordinator_ = system_->spawn<coordinator_actor, caf::detached>(
      std::move(core), static_cast<coordinator_ports&>(*this), *plane_,
      static_cast<link::transport&>(*links_),
      coordinator_clock{boot_now, wall_ms});
  for (auto& [name, region] : regions_)
    caf::anon_send(
        coordinator_,
        coordinator_task{[region = region](auto& self) { self.host(region); }});
  return {};
}

failure node::impl::open_http() {
  if (options_.http.empty())
    return {};
  http::http_settings settings;
  auto colon = options_.http.rfind(':');
  settings.host = options_.http.substr(0, colon);
  settings.port =
      static_cast<std::uint16_t>(std::stoul(options_.http.substr(colon + 1)));
  backend_ = std::make_unique<http_backend>(*this);
  gauges_ = std::make_unique<node_metrics>(metrics_, plane_->counters(),
                                           mirror_, identity_.node);
  http_ = std::make_unique<http::http_server>(settings, *backend_, metrics_);
  auto port = http_->listen();
  if (!port)
    return {errc::address_in_use, port.error().detail, port.error().hint};
  return {};
}

failure node::impl::serve_http() {
  if (http_)
    (void)http_->start();
  return {};
}

failure node::impl::wait_until_joined() {
  std::unique_lock guard{mutex_};
  auto over = [&] {
    return mirror_.state().joined || broken_ || stop_asked_ >= 0;
  };
  if (!changed_.wait_for(guard, std::chrono::seconds{3}, over)) {
    std::string voters;
    for (auto id : mirror_.state().members.voters)
      voters += (voters.empty() ? "" : ", ") + mirror_.name_of(id);
    logger().warn("{}: waits for its cluster: it takes a majority of the "
                  "voters, which are {} as far as it knows",
                  identity_.name, voters.empty() ? "unknown" : voters);
    changed_.wait(guard, over);
  }
  if (broken_)
    return *broken_;
  if (!mirror_.state().joined)
    return {errc::stopping, "stopped before it had joined its cluster", ""};
  return {};
}

} // namespace troupe
