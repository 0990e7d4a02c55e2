#include <troupe/runtime/group/engine.hpp>

#include <utility>

#include <troupe/runtime/boot_clock.hpp>

// What the core wants done.
namespace troupe::raft {

namespace {

// Who waits for that number, and does no longer; nobody, if none does.
template <class Map>
typename Map::mapped_type take_out(Map& from, std::uint64_t number) {
  auto found = from.extract(number);
  return found ? std::move(found.mapped()) : typename Map::mapped_type{};
}

} // namespace

void engine::perform(boot_time now) {
  for (auto effects = core_->take(now); !effects.empty();
       effects = core_->take(now))
    for (auto& effect : effects)
      std::visit([this](auto& x) { on(x); }, effect);
}

void engine::on(write_log& x) {
  links_->flush(); // others write while this disk does
  writer_->persist(std::move(x.batch));
}

void engine::on(send_frame& x) {
  std::string_view parts[] = {x.bytes};
  auto sent = links_->send(x.to, link::frame_class::control,
                           static_cast<std::uint8_t>(x.kind), parts);
  if (sent != link::send_result::accepted)
    core_->unreachable(x.to);
}

// In order, with nothing else at the machine.
template <class F>
void engine::with_machine(F work) {
  if (!machine_thread_)
    return work();
  auto box = std::make_shared<F>(std::move(work)); // std::function copies
  machine_thread_->give([box] { (*box)(); });
}

void engine::on(apply_commands& x) {
  using waiting = std::vector<std::unique_ptr<completion>>;
  std::vector<waiting> told;
  for (auto& item : x.items)
    told.push_back(item.own == 0 ? waiting{} : take_out(proposals_, item.own));
  with_machine([this, x = std::move(x), told = std::move(told)] {
    for (std::size_t i = 0; i < x.items.size(); ++i) {
      auto what = decode_entry(*x.items[i].entry);
      for (std::size_t k = 0; k < what->commands.size(); ++k)
        machine_->apply(x.items[i].at, what->commands[k],
                        told[i].empty() ? nullptr : told[i][k].get());
    }
    if (machine_thread_)
      post([this, upto = x.upto](group_core&, boot_time) { applied(upto); });
    else
      applied(x.upto);
  });
}

void engine::applied(log_index upto) {
  core_->applied(upto);
  std::lock_guard guard{view_mutex_};
  view_.applied = core_->applied_index();
}

void engine::on(take_snapshot& x) {
  with_machine([this, x = std::move(x)]() mutable {
    auto meta = x.meta;
    writer_->save(std::move(x), machine_->freeze(), options_.snapshots,
                  options_.settings.log_tail, [this, meta](bool ok) {
                    post([=](group_core& core, boot_time now) {
                      if (ok)
                        core.snapshot_saved(now, meta);
                      else
                        core.snapshot_failed(now);
                    });
                  });
  });
}

void engine::on(restore_snapshot& x) {
  auto restored = [this, meta = x.meta](std::unique_ptr<machine_port> machine,
                                        roster members) {
    auto box =
        std::make_shared<std::unique_ptr<machine_port>>(std::move(machine));
    post([=, this](group_core& core, boot_time) {
      with_machine([this, box] { machine_ = std::move(*box); });
      core.restored(meta, members);
    });
  };
  with_machine(
      [this, restored] { writer_->restore(machine_->make(), restored); });
}

void engine::on(read_chunk& x) {
  writer_->read(
      x, options_.settings.chunk_bytes, [this, x](group_store::piece piece) {
        post([x, piece = std::move(piece)](group_core& core, boot_time) {
          core.chunk_read(x, piece.size, piece.bytes);
        });
      });
}

void engine::on(store_chunk& x) {
  auto from = x.from;
  auto meta = x.meta;
  writer_->store(std::move(x),
                 [=, this](std::optional<group_core::stored> what) {
                   post([=](group_core& core, boot_time) {
                     core.chunk_stored(from, meta, what);
                   });
                 });
}

void engine::on(batch_failed& x) {
  for (auto& one : take_out(proposals_, x.number))
    one->fail({x.why, {}});
}

void engine::on(reads_ready& x) {
  std::vector<std::vector<std::unique_ptr<reader>>> ready;
  for (auto number : x.numbers)
    ready.push_back(take_out(reads_, number));
  with_machine([this, ready = std::move(ready)] {
    for (auto& batch : ready)
      for (auto& one : batch)
        one->read(*machine_);
  });
}

void engine::on(read_failed& x) {
  for (auto& one : take_out(reads_, x.number))
    one->fail({x.why, {}});
}

void engine::on(wish_ended& x) {
  auto i = wishes_.find(x.number);
  if (i == wishes_.end())
    return;
  auto done = std::move(i->second);
  wishes_.erase(i);
  publish(); // who is told sees what it was told of
  done(x.why, x.member);
}

void engine::on(leader_changed&) {
  publish();
}

void engine::on(members_changed&) {
  publish();
  set_peers();
}

void engine::on(left_group&) {
  end_by_itself({group_code::removed, {}});
}

void engine::set_peers() {
  auto& members = core_->members();
  if (members.find(self_) == nullptr) {
    links_->set_peers(first_peers_); // what this member knows is history
    return;
  }
  std::vector<link::peer_address> peers;
  for (auto& x : members.rows())
    if (x.id != self_)
      peers.push_back({x.id, {}, x.address});
  // Who is no member any more is to dial again, and to be told.
  for (auto id : peers_)
    if (members.is_removed(id))
      links_->drop_peer(id);
  peers_.clear();
  for (auto& x : peers)
    peers_.push_back(x.id);
  links_->set_peers(peers);
}

} // namespace troupe::raft
