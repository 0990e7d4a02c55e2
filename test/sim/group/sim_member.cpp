#include "sim_member.hpp"

#include <utility>

namespace troupe::sim {

using namespace raft;

namespace {

constexpr std::uint64_t segment_bytes = 8192;
const std::string directory_name = "/data";

boot_time operator""_us(unsigned long long x) {
  return std::chrono::microseconds{x};
}

} // namespace

sim_member::sim_member(std::size_t place, const group_plan& what,
                       timeline& time, chance& luck, member_listener& listener)
    : place_(place),
      plan_(what),
      time_(time),
      luck_(luck),
      listener_(listener),
      rate_(static_cast<std::int64_t>(luck.below(80'000)) - 40'000),
      fs_(what.seed * 31 + place) {
}

// -- life ---------------------------------------------------------------------

void sim_member::found(const std::vector<founder>& founders) {
  auto dir = member_directory::open(fs_, directory_name);
  member_ = dir && dir->found(founders, address());
  if (member_)
    id_ = dir->who().node;
}

void sim_member::let_in(const disk::uuid& group, member_id id) {
  auto dir = member_directory::open(fs_, directory_name);
  member_ = dir && dir->joined(group, id);
  id_ = id;
}

bool sim_member::start() {
  fs_.faults = {};
  ++life_;
  auto dir = member_directory::open(fs_, directory_name);
  if (!dir)
    return false;
  directory_.emplace(std::move(*dir));
  who_ = directory_->who();
  if (!member_)
    return true; // its uuid is all that is asked for
  auto opened = directory_->start(segment_bytes, false);
  if (!opened) {
    directory_.reset();
    return false;
  }
  who_ = directory_->who();
  auto fresh = std::make_unique<sim_machine>();
  roster members;
  if (opened->snapshot) {
    auto restored = restore_machine(std::move(*opened->snapshot), *fresh);
    if (!restored)
      return false;
    members = std::move(*restored);
  }
  machine_ = std::move(fresh);
  store_ = std::move(opened->store);
  group_config config;
  config.self = id_;
  config.boot = luck_.next() | 1;
  config.seed = luck_.next();
  config.settings = plan_.settings;
  if (plan_.bug == planted::forgets_votes) {
    auto& log = opened->log;
    log.hard.vote = {};
    log.hard.term = log.log.empty() ? log.snapshot.term : log.log.back().term;
  }
  core_ = std::make_unique<group_core>(config, std::move(opened->log), members,
                                       clock());
  core_->met(id_, std::string(who_.node_uuid.begin(), who_.node_uuid.end()));
  paused_ = false;
  waiting_.clear();
  batches_.clear();
  writing_ = false;
  perform();
  later(plan_.settings.tick, [this] { tick(); });
  return true;
}

void sim_member::crash(bool power) {
  if (power && !batches_.empty() && luck_.one_in(2)) {
    // In the middle of a write.
    fs_.faults.dies_at = fs_.calls() + 1 + luck_.below(4);
    (void)bool(store_->write(batches_));
  }
  ++life_;
  core_.reset();
  if (power || fs_.dead())
    fs_.crash();
  else
    fs_.end_process();
  store_.reset();
  directory_.reset();
  machine_.reset();
  proposals_.clear(); // nobody will know
  reads_.clear();
  wishes_.clear();
  paused_ = false;
}

void sim_member::pause() {
  paused_ = true;
  paused_at_ = time_.now();
}

void sim_member::resume() {
  paused_ = false;
  if (plan_.bug == planted::lease_without_end)
    frozen_ += time_.now() - paused_at_;
  // What comes first, a client's call or a frame, nobody can say.
  bool frames_late = luck_.one_in(2);
  for (auto& [frame, what] : std::exchange(waiting_, {}))
    time_.after(frame && frames_late ? luck_.between(2000_us, 20'000_us)
                                     : luck_.between(0_us, 2000_us),
                std::move(what));
}

boot_time sim_member::clock() const {
  auto t = time_.now();
  return t + t / 1'000'000 * rate_ - frozen_ + boot_time{1'000'000'000};
}

void sim_member::now_or_then(task what, bool frame) {
  if (paused_)
    waiting_.emplace_back(
        frame, [this, frame, life = life_, what = std::move(what)] {
          if (life == life_)
            now_or_then(what, frame); // it may have been stopped again
        });
  else
    what();
}

void sim_member::later(boot_time delay, task what) {
  time_.after(delay, [this, life = life_, what = std::move(what)] {
    if (life == life_)
      now_or_then(what);
  });
}

void sim_member::tick() {
  core_->tick(clock());
  perform();
  auto rate = plan_.settings.tick / 1'000'000 * rate_;
  later(plan_.settings.tick - rate, [this] { tick(); });
}

// -- what comes to it ---------------------------------------------------------

void sim_member::receive(member_id from, group_frame kind,
                         const std::string& bytes) {
  if (core_)
    now_or_then(
        [=, this] {
          core_->receive(clock(), from, kind, bytes);
          perform();
        },
        true);
}

void sim_member::meet(member_id peer, const disk::uuid& uuid) {
  if (core_)
    core_->met(peer, std::string(uuid.begin(), uuid.end()));
}

void sim_member::propose(std::vector<operation> what,
                         std::vector<std::unique_ptr<value_completion>> done) {
  auto box = std::make_shared<std::vector<std::unique_ptr<value_completion>>>(
      std::move(done));
  now_or_then([this, what = std::move(what), box] {
    command_buffer commands;
    for (auto& x : what)
      commands.add(sim_machine::encode(x));
    auto number = core_->propose(clock(), commands);
    proposals_[number] = std::move(*box);
    perform();
  });
}

void sim_member::read(read_mode how, read_done done) {
  now_or_then([=, this] {
    reads_[core_->read(clock(), how)] = done;
    perform();
  });
}

void sim_member::wish(const proto::GroupMemberCommand& what, wish_done done) {
  now_or_then([=, this] {
    wishes_[core_->wish(clock(), what, false)] = done;
    perform();
  });
}

void sim_member::transfer() {
  now_or_then([this] {
    core_->transfer(clock(), {});
    perform();
  });
}

// -- effects ------------------------------------------------------------------

void sim_member::perform() {
  perform_effects();
  // What a client did meanwhile may have taken the commit index along.
  if (core_)
    core_->push_commit();
  perform_effects();
}

void sim_member::perform_effects() {
  auto life = life_;
  while (core_) {
    auto effects = core_->take(clock());
    if (effects.empty())
      return;
    for (auto& effect : effects) {
      std::visit([this](auto& x) { on(x); }, effect);
      if (life != life_)
        return;
    }
  }
}

void sim_member::on(write_log& x) {
  auto id = x.batch.id;
  bool install = x.batch.install.has_value();
  batches_.push_back(std::move(x.batch));
  if (plan_.bug == planted::acks_before_sync && !install)
    now_or_then([=, this] { core_->persisted(id); });
  write();
}

void sim_member::write() {
  if (writing_)
    return;
  writing_ = true;
  later(luck_.between(20_us, plan_.disk), [this] { do_write(); });
}

void sim_member::do_write() {
  writing_ = false;
  auto batches = std::exchange(batches_, {});
  if (!store_->write(batches))
    return fail();
  if (plan_.bug != planted::acks_before_sync || batches.back().install)
    core_->persisted(batches.back().id);
  perform();
}

void sim_member::on(send_frame& x) {
  listener_.sent(id_, x.to, x.kind, std::move(x.bytes));
}

void sim_member::on(apply_commands& x) {
  for (auto& item : x.items) {
    auto what = decode_entry(*item.entry);
    auto i = proposals_.find(item.own);
    for (std::size_t k = 0; k < what->commands.size(); ++k)
      machine_->apply(item.at, what->commands[k],
                      i == proposals_.end() ? nullptr : i->second[k].get());
    if (i != proposals_.end())
      proposals_.erase(i);
    listener_.applied(place_, item.at, machine_->digest());
  }
  core_->applied(x.upto);
}

void sim_member::on(take_snapshot& x) {
  std::shared_ptr<frozen_machine> frozen = machine_->freeze();
  later(luck_.between(20_us, 10 * plan_.disk), [=, this, what = x] {
    auto failed = [&](const disk::refusal& why) {
      if (why.code == disk::errc::io)
        return fail();
      core_->snapshot_failed(clock());
      perform();
    };
    auto begun = store_->begin_snapshot(what.meta);
    if (!begun)
      return failed(begun.error());
    auto how = plan_.compress ? compression::zlib : compression::none;
    auto written =
        write_snapshot(*begun, what.members, how,
                       [&](byte_sink& to) { return frozen->save(to); });
    auto file = written ? begun->finish()
                        : disk::result<disk::snapshot_file>{written.error()};
    if (!file)
      return failed(file.error());
    auto recorded = store_->record_snapshot(*file, plan_.settings.log_tail);
    if (!recorded && recorded.error().code != disk::errc::invalid)
      return fail();
    if (recorded)
      core_->snapshot_saved(clock(), what.meta);
    else
      core_->snapshot_failed(clock());
    perform();
  });
}

void sim_member::on(restore_snapshot& x) {
  auto opened = store_->open_snapshot();
  if (!opened)
    return fail();
  auto reader = std::make_shared<disk::snapshot_reader>(std::move(*opened));
  later(luck_.between(20_us, 10 * plan_.disk), [=, this, meta = x.meta] {
    auto fresh = std::make_unique<sim_machine>();
    auto members = restore_machine(std::move(*reader), *fresh);
    if (!members)
      return fail();
    if (plan_.bug != planted::empty_snapshots)
      machine_ = std::move(fresh);
    ++restores_;
    core_->restored(meta, *members);
    perform();
  });
}

void sim_member::on(read_chunk& x) {
  later(luck_.between(20_us, plan_.disk), [=, this, what = x] {
    auto piece = store_->read(what, plan_.settings.chunk_bytes);
    if (!piece)
      return fail();
    core_->chunk_read(what, piece->size, piece->bytes);
    perform();
  });
}

void sim_member::on(store_chunk& x) {
  later(luck_.between(20_us, plan_.disk), [=, this, what = x] {
    auto stored = store_->store(what);
    if (!stored)
      return fail();
    core_->chunk_stored(what.from, what.meta, *stored);
    perform();
  });
}

void sim_member::on(batch_failed& x) {
  auto i = proposals_.find(x.number);
  if (i == proposals_.end())
    return;
  auto waiting = std::move(i->second);
  proposals_.erase(i);
  auto why = x.why;
  if (plan_.bug == planted::denies_unknown
      && why == group_code::outcome_unknown)
    why = group_code::replaced;
  for (auto& one : waiting)
    one->fail({why, {}});
}

void sim_member::on(reads_ready& x) {
  for (auto number : x.numbers)
    if (auto i = reads_.find(number); i != reads_.end()) {
      auto done = std::move(i->second);
      reads_.erase(i);
      done(machine_.get());
    }
}

void sim_member::on(read_failed& x) {
  if (auto i = reads_.find(x.number); i != reads_.end()) {
    auto done = std::move(i->second);
    reads_.erase(i);
    done(nullptr);
  }
}

void sim_member::on(wish_ended& x) {
  if (auto i = wishes_.find(x.number); i != wishes_.end()) {
    auto done = std::move(i->second);
    wishes_.erase(i);
    done(x.why, x.member);
  }
}

} // namespace troupe::sim
