#include <test/sim_fs/sim_fs.hpp>

#include <algorithm>
#include <cerrno>

namespace troupe::test {

using disk::open_mode;
using disk::open_result;

class sim_file final : public disk::file {
public:
  sim_file(sim_fs& fs, sim_fs::node what, bool writable, std::string locked)
      : fs_(fs),
        what_(std::move(what)),
        writable_(writable),
        locked_(std::move(locked)),
        life_(fs.life_) {}

  ~sim_file() override {
    if (!locked_.empty() && life_ == fs_.life_)
      fs_.locks_.erase(locked_);
  }

  std::int64_t pwritev(std::span<const iovec> parts,
                       std::uint64_t offset) override {
    if (!usable() || !writable_)
      return writable_ ? -EIO : -EBADF;
    if (fs_.chance(fs_.faults.interrupted_per_mille))
      return -EINTR;
    bool dying = false;
    if (auto rc = fs_.begin_call(dying); rc != 0)
      return rc;
    std::string bytes;
    for (auto& part : parts)
      bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
    if (bytes.size() > 1 && fs_.chance(fs_.faults.short_per_mille))
      bytes.resize(1 + fs_.random_() % (bytes.size() - 1));
    auto size = what_->bytes().size();
    if (auto end = offset + bytes.size(); end > size) {
      auto grow = std::min(end - size, fs_.room());
      if (size + grow <= offset)
        return -ENOSPC;
      bytes.resize(size + grow - offset);
    }
    what_->write(offset, bytes);
    return dying ? -EIO : static_cast<std::int64_t>(bytes.size());
  }

  std::int64_t pread(std::span<char> to, std::uint64_t offset) override {
    if (!usable())
      return -EIO;
    if (fs_.chance(fs_.faults.interrupted_per_mille))
      return -EINTR;
    auto& bytes = what_->bytes();
    if (offset >= bytes.size())
      return 0;
    auto n = std::min<std::uint64_t>(to.size(), bytes.size() - offset);
    if (n > 1 && fs_.chance(fs_.faults.short_per_mille))
      n = 1 + fs_.random_() % (n - 1);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), n,
                to.begin());
    return static_cast<std::int64_t>(n);
  }

  int fdatasync() override { return sync(); }
  int fsync() override { return sync(); }

  bool begin_durable(std::span<const char> bytes, std::uint64_t offset,
                     int) override {
    if (!usable() || fs_.chance(fs_.faults.short_per_mille))
      return false;
    bool dying = false;
    begun_ = fs_.begin_call(dying);
    if (begun_ != 0)
      return true;
    std::string_view text{bytes.data(), bytes.size()};
    if (fs_.chance(fs_.faults.short_per_mille))
      text = text.substr(0, text.size() / 1024 * 512);
    what_->write(offset, text);
    begun_ = dying ? -EIO : static_cast<std::int64_t>(text.size());
    return true;
  }

  std::optional<std::int64_t> end_durable() override {
    if (fs_.random_() % 2 == 0)
      return std::nullopt;
    if (begun_ <= 0)
      return begun_;
    auto rc = sync();
    return rc < 0 ? rc : begun_;
  }

  int truncate(std::uint64_t bytes) override {
    if (!usable())
      return -EIO;
    bool dying = false;
    if (auto rc = fs_.begin_call(dying); rc != 0)
      return rc;
    what_->truncate(bytes);
    return dying ? -EIO : 0;
  }

  std::int64_t size() override {
    return usable() ? static_cast<std::int64_t>(what_->bytes().size()) : -EIO;
  }

  void drop_cache() override {
    if (usable())
      what_->drop_cache();
  }

private:
  bool usable() const { return !fs_.dead_ && life_ == fs_.life_; }

  int sync() {
    if (!usable())
      return -EIO;
    bool dying = false;
    if (auto rc = fs_.begin_call(dying, true); rc != 0) {
      what_->lose_pending();
      return rc;
    }
    if (dying)
      return -EIO;
    what_->sync();
    return 0;
  }

  sim_fs& fs_;
  sim_fs::node what_;
  bool writable_;
  std::string locked_;
  std::uint64_t life_;
  std::int64_t begun_ = 0; // what the write that was begun will say
};

sim_fs::sim_fs(std::uint64_t seed) : random_(seed) {
  directories_["/"];
}

sim_fs::~sim_fs() = default;

// -- calls -------------------------------------------------------------------

open_result sim_fs::open(const std::string& path, open_mode mode) {
  if (dead_)
    return {-EIO, nullptr};
  if (chance(faults.interrupted_per_mille))
    return open(path, mode); // as the shell around the real one does
  std::string name;
  auto* in = directory_of(path, name);
  if (in == nullptr)
    return {-ENOENT, nullptr};
  auto at = in->now.find(name);
  if (mode == open_mode::create) {
    bool dying = false;
    if (auto rc = begin_call(dying); rc != 0)
      return {rc, nullptr};
    if (at == in->now.end())
      do_change(*in,
                {change::link, name, {}, std::make_shared<sim_disk_file>()});
    else if (at->second)
      at->second->truncate(0);
    if (dying)
      return {-EIO, nullptr};
    at = in->now.find(name);
  }
  if (at == in->now.end())
    return {-ENOENT, nullptr};
  if (!at->second)
    return {-EISDIR, nullptr};
  return {0, std::make_unique<sim_file>(*this, at->second,
                                        mode != open_mode::read, "")};
}

open_result sim_fs::lock(const std::string& path) {
  if (dead_)
    return {-EIO, nullptr};
  if (locks_.contains(path))
    return {-EWOULDBLOCK, nullptr};
  std::string name;
  auto* in = directory_of(path, name);
  if (in == nullptr)
    return {-ENOENT, nullptr};
  if (!in->now.contains(name)) {
    auto made = open(path, open_mode::create);
    if (made.error != 0)
      return made;
  }
  locks_.insert(path);
  return {0, std::make_unique<sim_file>(*this, in->now[name], true, path)};
}

int sim_fs::rename(const std::string& from, const std::string& to) {
  bool dying = false;
  if (auto rc = begin_call(dying); rc != 0)
    return rc;
  std::string old_name;
  std::string new_name;
  auto* in = directory_of(from, old_name);
  if (in == nullptr || in != directory_of(to, new_name)
      || !in->now.contains(old_name))
    return in == nullptr || !in->now.contains(old_name) ? -ENOENT : -EXDEV;
  do_change(*in, {change::rename, old_name, new_name, in->now[old_name]});
  return dying ? -EIO : 0;
}

int sim_fs::unlink(const std::string& path) {
  bool dying = false;
  if (auto rc = begin_call(dying); rc != 0)
    return rc;
  std::string name;
  auto* in = directory_of(path, name);
  if (in == nullptr || !in->now.contains(name))
    return -ENOENT;
  do_change(*in, {change::unlink, name, {}, nullptr});
  return dying ? -EIO : 0;
}

int sim_fs::mkdir(const std::string& path) {
  bool dying = false;
  if (auto rc = begin_call(dying); rc != 0)
    return rc;
  std::string name;
  auto* in = directory_of(path, name);
  if (in == nullptr)
    return -ENOENT;
  if (in->now.contains(name))
    return -EEXIST;
  do_change(*in, {change::link, name, {}, nullptr});
  directories_[path];
  return dying ? -EIO : 0;
}

int sim_fs::list(const std::string& path, std::vector<std::string>& to) {
  to.clear();
  if (dead_)
    return -EIO;
  auto at = directories_.find(path);
  if (at == directories_.end())
    return -ENOENT;
  for (auto& [name, target] : at->second.now)
    to.push_back(name);
  return 0;
}

int sim_fs::sync_directory(const std::string& path) {
  bool dying = false;
  auto rc = begin_call(dying, true);
  auto at = directories_.find(path);
  if (rc != 0 || dying || at == directories_.end())
    return rc != 0 ? rc : dying ? -EIO : -ENOENT;
  at->second.durable = at->second.now;
  at->second.pending.clear();
  return 0;
}

// -- what happens to it ------------------------------------------------------

void sim_fs::crash() {
  for (auto& [path, in] : directories_) {
    auto after = in.durable;
    for (auto& what : in.pending)
      if (random_() % 2 == 0)
        apply(after, what);
    in.now = in.durable = std::move(after);
    in.pending.clear();
  }
  drop_missing_directories();
  for (auto& [path, in] : directories_)
    for (auto& [name, target] : in.now)
      if (target)
        target->crash(random_);
  end_process();
}

void sim_fs::end_process() {
  dead_ = false;
  faults = {};
  locks_.clear();
  ++life_;
}

void sim_fs::drop_missing_directories() {
  // Parents sort before their children.
  for (auto at = directories_.begin(); at != directories_.end();) {
    std::string name;
    auto* in = at->first == "/" ? nullptr : directory_of(at->first, name);
    auto gone = at->first != "/" && (in == nullptr || !in->now.contains(name));
    at = gone ? directories_.erase(at) : std::next(at);
  }
}

// -- looking -----------------------------------------------------------------

std::uint64_t sim_fs::used() const {
  std::uint64_t n = 0;
  for (auto& [path, in] : directories_)
    for (auto& [name, target] : in.now)
      n += target ? target->bytes().size() : 0;
  return n;
}

sim_disk_file* sim_fs::find(const std::string& path) {
  std::string name;
  auto* in = directory_of(path, name);
  auto at = in == nullptr ? std::map<std::string, node>::iterator{}
                          : in->now.find(name);
  return in == nullptr || at == in->now.end() ? nullptr : at->second.get();
}

std::vector<std::string> sim_fs::paths() const {
  std::vector<std::string> to;
  for (auto& [path, in] : directories_)
    for (auto& [name, target] : in.now)
      if (target)
        to.push_back(path == "/" ? path + name : path + "/" + name);
  return to;
}

// -- inside ------------------------------------------------------------------

sim_fs::names* sim_fs::directory_of(const std::string& path,
                                    std::string& name) {
  auto at = directories_.find(disk::parent_directory(path));
  name = path.substr(path.rfind('/') + 1);
  return at == directories_.end() ? nullptr : &at->second;
}

void sim_fs::apply(std::map<std::string, node>& to, const change& what) {
  switch (what.what) {
  case change::link:
    to[what.name] = what.target;
    break;
  case change::unlink:
    to.erase(what.name);
    break;
  case change::rename:
    to.erase(what.name);
    to[what.to] = what.target;
    break;
  }
}

void sim_fs::do_change(names& in, change what) {
  apply(in.now, what);
  in.pending.push_back(std::move(what));
}

int sim_fs::begin_call(bool& dying, bool sync) {
  if (dead_)
    return -EIO;
  ++calls_;
  if (calls_ == faults.call_fails_at)
    return -EIO;
  if (sync && faults.sync_fails_at != 0 && calls_ >= faults.sync_fails_at) {
    faults.sync_fails_at = 0;
    return -EIO;
  }
  dying = dead_ = calls_ == faults.dies_at;
  return 0;
}

std::uint64_t sim_fs::room() const {
  if (capacity_ == 0)
    return UINT64_MAX;
  return capacity_ - std::min(capacity_, used());
}

bool sim_fs::chance(std::uint32_t per_mille) {
  return per_mille != 0 && random_() % 1000 < per_mille;
}

} // namespace troupe::test
