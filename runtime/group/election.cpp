#include <troupe/runtime/group/election.hpp>

#include <algorithm>
#include <future>
#include <random>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/log/crc32c.hpp>
#include <troupe/runtime/log/file_system.hpp>

namespace troupe::raft {

namespace {

constexpr std::string_view magic = "troupeEL";
constexpr std::size_t head_bytes = magic.size() + 4;

// magic | u32 crc32c of the record | record
std::string framed(const std::string& record) {
  std::string out{magic};
  auto crc = disk::crc32c(0, record);
  for (int i = 0; i < 4; ++i)
    out += static_cast<char>(crc >> (8 * i));
  return out + record;
}

std::optional<std::string> unframed(const std::string& bytes) {
  if (bytes.size() < head_bytes || !bytes.starts_with(magic))
    return std::nullopt;
  auto record = bytes.substr(head_bytes);
  return framed(record) == bytes && elector::is_record(record)
             ? std::optional{record}
             : std::nullopt;
}

} // namespace

election::election(election_options options) : options_(std::move(options)) {
}

election::~election() {
  stop();
}

std::optional<refusal> election::start() {
  if (auto flaw = find_flaw(options_.settings); !flaw.empty())
    return refusal{group_code::invalid, flaw};
  if (!options_.self || !options_.send)
    return refusal{group_code::invalid,
                   "a member needs a number above 0 and a way to send"};
  std::optional<std::string> record;
  if (!options_.path.empty()) {
    auto bytes = disk::read_file(disk::posix_file_system(), options_.path);
    if (!bytes && bytes.error().code != disk::errc::not_found)
      return refusal{group_code::disk, bytes.error().what};
    if (bytes && !(record = unframed(*bytes)))
      return refusal{group_code::disk,
                     options_.path
                         + " is damaged or something else: take part under a "
                           "new number, or this member could vote twice"};
  }
  std::random_device source;
  auto seed = std::uint64_t{source()} << 32 | source();
  core_ = std::make_unique<elector>(options_.settings, options_.self, seed,
                                    options_.members, record, boot_now());
  leader_ = core_->leadership();
  members_ = core_->members();
  running_ = true;
  thread_ = std::thread{[this] { run(); }};
  return std::nullopt;
}

void election::stop() {
  {
    std::lock_guard guard{mutex_};
    running_ = false;
  }
  arrived_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void election::receive(member_id from, std::string bytes) {
  {
    std::lock_guard guard{mutex_};
    if (!running_)
      return;
    frames_.emplace_back(from, std::move(bytes));
  }
  arrived_.notify_one();
}

code election::ask(std::function<answer(elector&)> what) {
  std::promise<code> done;
  auto out = done.get_future();
  {
    std::lock_guard guard{mutex_};
    if (!running_)
      return code::not_leader;
    calls_.push_back([&](elector& core) { done.set_value(what(core).why); });
  }
  arrived_.notify_one();
  return out.get();
}

code election::add(member_id who) {
  return ask([who](elector& core) { return core.add(who); });
}

code election::remove(member_id who) {
  return ask([who](elector& core) { return core.remove(who); });
}

code election::transfer(member_id to) {
  return ask([to](elector& core) { return core.transfer(to); });
}

leadership election::leader() const {
  std::lock_guard guard{mutex_};
  return leader_;
}

std::vector<member_id> election::members() const {
  std::lock_guard guard{mutex_};
  return members_;
}

std::optional<refusal> election::failure() const {
  std::lock_guard guard{mutex_};
  return failure_;
}

std::shared_ptr<void> election::watch(watcher told) {
  auto out = std::make_shared<watcher>(std::move(told));
  {
    std::lock_guard guard{mutex_};
    calls_.push_back([this, weak = std::weak_ptr{out}](elector& core) {
      if (auto to = weak.lock()) {
        watchers_.push_back(weak);
        (*to)(core.leadership());
      }
    });
  }
  arrived_.notify_one();
  return out;
}

void election::run() {
  auto tick = options_.settings.tick;
  auto ticked = boot_now();
  perform();
  for (;;) {
    decltype(frames_) frames;
    decltype(calls_) calls;
    bool running = true;
    {
      std::unique_lock guard{mutex_};
      auto wait = std::max<boot_time>(tick - (boot_now() - ticked), {});
      arrived_.wait_for(guard, wait, [this] {
        return !running_ || !frames_.empty() || !calls_.empty();
      });
      running = running_;
      frames.swap(frames_);
      calls.swap(calls_);
    }
    for (auto& [from, bytes] : frames)
      core_->receive(from, bytes);
    for (auto& call : calls)
      call(*core_); // also at the end: somebody waits for the answer
    if (!running)
      return;
    if (auto now = boot_now(); now - ticked >= tick) {
      ticked = now;
      core_->tick(now);
    }
    perform();
  }
}

void election::perform() {
  for (bool again = true; again;) {
    auto out = core_->take();
    for (auto& [to, bytes] : out.send)
      options_.send(to, bytes);
    again = out.store.has_value();
    if (again && !store(*out.store))
      return;
    if (again)
      core_->stored();
    if (out.members_changed) {
      std::lock_guard guard{mutex_};
      members_ = core_->members();
    }
    for (auto& x : out.leaders)
      tell(x);
  }
}

bool election::store(const std::string& record) {
  if (options_.path.empty())
    return true;
  auto& files = disk::posix_file_system();
  auto stored = disk::replace_file(files, options_.path, framed(record));
  if (stored)
    stored = disk::sync_directory(files, disk::parent_directory(options_.path));
  if (stored)
    return true;
  std::lock_guard guard{mutex_};
  failure_ = refusal{group_code::disk, stored.error().what};
  running_ = false;
  return false;
}

void election::tell(const leadership& now) {
  {
    std::lock_guard guard{mutex_};
    leader_ = now;
  }
  auto watchers = watchers_;
  for (auto& weak : watchers)
    if (auto to = weak.lock())
      (*to)(now);
  std::erase_if(watchers_, [](auto& x) { return x.expired(); });
}

} // namespace troupe::raft
