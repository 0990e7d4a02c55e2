#include <troupe/runtime/group/election.hpp>

#include <algorithm>
#include <future>
#include <random>

#include <troupe/runtime/boot_clock.hpp>
#include <troupe/runtime/log/crc32c.hpp>
#include <troupe/runtime/log/file_system.hpp>

namespace troupe::raft {

namespace {

constexpr std::string_view magic = "troupeE2";
constexpr std::size_t head_bytes = magic.size() + 4 + 8;
constexpr std::size_t frames_max = 4096; // waiting; more are lost

void append_number(std::string& to, std::uint64_t x, int bytes) {
  for (int i = 0; i < bytes; ++i)
    to += static_cast<char>(x >> (8 * i));
}

// magic | u32 crc32c of what follows | u64 whose it is | record
std::string framed(member_id self, const std::string& record) {
  std::string tail;
  append_number(tail, self.value, 8);
  tail += record;
  std::string out{magic};
  append_number(out, disk::crc32c(0, tail), 4);
  return out + tail;
}

std::optional<std::string> unframed(member_id self, const std::string& bytes) {
  if (bytes.size() < head_bytes)
    return std::nullopt;
  auto record = bytes.substr(head_bytes);
  return framed(self, record) == bytes && elector::is_record(record)
             ? std::optional{record}
             : std::nullopt;
}

bool is_in(const std::vector<member_id>& xs, member_id who) {
  return std::find(xs.begin(), xs.end(), who) != xs.end();
}

std::optional<refusal> flaw_of(const election_options& x) {
  auto no = [](std::string why) {
    return refusal{group_code::invalid, std::move(why)};
  };
  if (auto flaw = find_flaw(x.settings); !flaw.empty())
    return no(flaw);
  if (!x.self)
    return no("a member needs a number above 0");
  if (!x.send)
    return no("a member needs a way to send");
  if (is_in(x.members, member_id{}))
    return no("a member in the list has the number 0: count from 1");
  auto max = x.settings.members_max;
  if (max != 0 && x.members.size() > max)
    return no("the list has " + std::to_string(x.members.size())
              + " members, the maximum is " + std::to_string(max));
  return std::nullopt;
}

} // namespace

election::election(election_options options) : options_(std::move(options)) {
}

election::~election() {
  stop();
}

std::optional<refusal>
election::open_record(std::optional<std::string>& record) {
  if (options_.path.empty())
    return std::nullopt;
  auto& files = disk::posix_file_system();
  auto locked = files.lock(options_.path + ".lock");
  if (locked.error == -EWOULDBLOCK)
    return refusal{group_code::disk,
                   options_.path
                       + " is in use by another process: end that one, or give "
                         "this member a file of its own"};
  if (locked.error != 0)
    return refusal{
        group_code::disk,
        disk::failed_call("lock", options_.path + ".lock", locked.error).what};
  lock_ = std::move(locked.handle);
  auto bytes = disk::read_file(files, options_.path);
  if (!bytes && bytes.error().code != disk::errc::not_found)
    return refusal{group_code::disk, bytes.error().what};
  if (bytes && !(record = unframed(options_.self, *bytes)))
    return refusal{group_code::disk,
                   options_.path + " is damaged, or not of member "
                       + std::to_string(options_.self.value)
                       + ": take part under a new number, or this member could "
                         "vote twice"};
  return std::nullopt;
}

std::optional<refusal> election::start() {
  if (auto why = flaw_of(options_))
    return why;
  std::optional<std::string> record;
  if (auto why = open_record(record))
    return why;
  if (!record && options_.members.empty())
    return refusal{group_code::invalid, "the list of members is empty"};
  std::random_device source;
  auto seed = std::uint64_t{source()} << 32 | source();
  core_ = std::make_unique<elector>(options_.settings, options_.self, seed,
                                    options_.members, record, boot_now());
  leader_ = core_->leadership();
  members_ = core_->members();
  part_ = is_in(members_, options_.self);
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
  lock_.reset();
}

void election::receive(member_id from, std::string bytes) {
  {
    std::lock_guard guard{mutex_};
    if (!running_ || frames_.size() >= frames_max)
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
  leadership last;
  bool over = false;
  {
    std::lock_guard guard{mutex_};
    last = leader_;
    over = over_;
    if (!over)
      calls_.push_back([this, weak = std::weak_ptr{out}](elector&) {
        if (auto to = weak.lock()) {
          watchers_.push_back(weak);
          (*to)(leader());
        }
      });
  }
  arrived_.notify_one();
  if (over)
    (*out)(last);
  return out;
}

void election::run() {
  auto tick = options_.settings.tick;
  auto ticked = boot_now();
  perform();
  for (bool running = true; running;) {
    decltype(frames_) frames;
    decltype(calls_) calls;
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
    if (auto now = boot_now(); running && now - ticked >= tick) {
      ticked = now;
      core_->tick(now);
    }
    if (running)
      perform();
  }
  // Whoever has stopped can neither lead nor know who does.
  leadership last;
  last.term = core_->leadership().term;
  tell(last);
  decltype(calls_) calls;
  {
    std::lock_guard guard{mutex_};
    over_ = true;
    calls.swap(calls_);
  }
  for (auto& call : calls)
    call(*core_);
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
    if (out.members_changed)
      note_members();
    for (auto& x : out.leaders)
      tell(x);
  }
  if (leaves_at_ && boot_now() >= *leaves_at_)
    end({group_code::removed, {}});
}

bool election::store(const std::string& record) {
  if (options_.path.empty())
    return true;
  auto& files = disk::posix_file_system();
  auto stored =
      disk::replace_file(files, options_.path, framed(options_.self, record));
  if (stored)
    stored = disk::sync_directory(files, disk::parent_directory(options_.path));
  if (!stored)
    end({group_code::disk, stored.error().what});
  return bool(stored);
}

// Two who remain may need the vote of one that is removed to learn that it is.
void election::note_members() {
  auto now = core_->members();
  bool here = is_in(now, options_.self);
  if (part_ && !here)
    leaves_at_ = boot_now() + 4 * options_.settings.election;
  else if (here)
    leaves_at_.reset();
  part_ = here;
  std::lock_guard guard{mutex_};
  members_ = std::move(now);
}

void election::end(refusal why) {
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(running_, false))
      failure_ = why;
    else
      return; // stopped meanwhile
  }
  if (options_.on_end)
    options_.on_end(why);
}

void election::tell(const leadership& now) {
  {
    std::lock_guard guard{mutex_};
    if (leader_ == now)
      return;
    leader_ = now;
  }
  auto watchers = watchers_;
  for (auto& weak : watchers)
    if (auto to = weak.lock())
      (*to)(now);
  std::erase_if(watchers_, [](auto& x) { return x.expired(); });
}

} // namespace troupe::raft
