#include <troupe/runtime/ctl/raft_inspect.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <troupe/cluster/group/entry_codec.hpp>
#include <troupe/cluster/raft/settings.hpp>
#include <troupe/runtime/ctl/commands.hpp>
#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/group/snapshot_codec.hpp>
#include <troupe/runtime/log/directory_lock.hpp>
#include <troupe/runtime/log/identity_file.hpp>
#include <troupe/runtime/log/overlay_file_system.hpp>
#include <troupe/runtime/log/raft_store.hpp>

namespace troupe::ctl {

namespace {

struct wishes {
  std::string directory;
  bool verify = false;
  std::uint64_t entries = 0;
};

void line(const char* name, const std::string& value) {
  std::printf("%-12s %s\n", name, value.c_str());
}

std::string number(std::uint64_t x) {
  return std::to_string(x);
}

[[noreturn]] void refuse(const disk::refusal& why) {
  throw failure{exit_code::refused, why.what};
}

// Who uses the directory, without keeping anybody from starting there.
std::optional<std::string> user_of(const std::string& directory) {
  int fd = ::open((directory + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  bool taken = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  char pid[16];
  auto n = ::read(fd, pid, sizeof pid);
  ::close(fd);
  if (!taken)
    return std::nullopt;
  std::string out{pid, n > 0 ? static_cast<std::size_t>(n) : 0};
  out.erase(std::min(out.find_first_not_of("0123456789"), out.size()));
  return "process " + (out.empty() ? "of unknown id" : out);
}

std::string to_text(const raft::configuration& x) {
  auto ids = [](const char* name, const std::vector<node_id>& xs) {
    if (xs.empty())
      return std::string{};
    std::string out = name;
    for (auto id : xs)
      out += " " + number(id.value);
    return out + "; ";
  };
  auto out = ids("voters", x.voters) + ids("leaving voters", x.voters_outgoing)
             + ids("learners", x.learners)
             + ids("learners to be", x.learners_next);
  return out.empty() ? "empty" : out.substr(0, out.size() - 2);
}

std::string to_text(const raft::entry& x, bool of_group) {
  auto out = number(x.index.value) + "  term " + number(x.term.value) + "  ";
  if (auto* change = std::get_if<raft::configuration_change>(&x.body)) {
    out += "configuration";
    for (auto& one : change->changes)
      out += (one.op == raft::change_op::add_voter     ? ", voter "
              : one.op == raft::change_op::add_learner ? ", learner "
                                                       : ", without ")
             + number(one.member.value);
    return out;
  }
  auto* bytes = std::get_if<raft::payload>(&x.body);
  if (bytes == nullptr)
    return out + "begins the term";
  if (auto head = raft::decode_head(**bytes); of_group && head) {
    out += head->member ? "members: " + head->member->ShortDebugString()
                        : number(head->commands) + " commands";
    out += " of member " + number(head->origin.member) + ", batch "
           + number(head->origin.number);
  } else {
    out += "command";
  }
  return out + ", " + number((*bytes)->size()) + " bytes";
}

void show_identity(const disk::identity& who, bool of_group) {
  line("kind", of_group ? "member of a group" : "node of a cluster");
  line(of_group ? "group" : "cluster", disk::to_string(who.cluster));
  line(of_group ? "member" : "node",
       number(who.node.value)
           + (who.name.empty() ? "" : " (" + who.name + ")"));
  line("uuid", disk::to_string(who.node_uuid));
  line("starts", number(who.self.value));
}

void show_snapshot(const disk::raft_store& store, bool of_group, bool verify) {
  auto reader = store.open_snapshot();
  if (!reader && reader.error().code == disk::errc::not_found)
    return line("snapshot", "none");
  if (!reader)
    refuse(reader.error());
  auto& meta = reader->meta();
  char crc[16];
  std::snprintf(crc, sizeof crc, "%08x", reader->digest().crc32c);
  line("snapshot",
       "at " + number(meta.index.value) + ", term " + number(meta.term.value)
           + ", " + number(reader->digest().bytes) + " bytes, crc32c " + crc);
  line("", to_text(meta.conf));
  if (verify)
    if (auto ok = reader->verify(); !ok)
      refuse(ok.error());
  if (!of_group)
    return;
  auto opened = raft::open_snapshot(std::move(*reader));
  if (!opened)
    refuse(opened.error());
  for (auto& x : opened->members.rows())
    line("", "member " + number(x.id.value) + " at " + x.address
                 + (x.votes ? ", votes" : ", does not vote")
                 + (x.leaving ? ", leaving" : ""));
  std::uint64_t bytes = 0;
  char piece[1 << 14];
  for (std::ptrdiff_t n = 1; verify && opened->has_machine && n != 0;
       bytes += static_cast<std::uint64_t>(n))
    if ((n = opened->machine->read(piece)) < 0)
      throw failure{exit_code::refused,
                    "the snapshot's state cannot be unpacked"};
  std::string state = !opened->has_machine ? "as new"
                      : opened->how == raft::compression::zlib
                          ? "compressed"
                          : "not compressed";
  line("",
       "state: " + state + (bytes != 0 ? ", " + number(bytes) + " bytes" : ""));
}

void verify(const disk::opened_store& opened, node_id self, bool of_group) {
  raft::settings cfg;
  cfg.self = self;
  if (auto flaw = raft::find_flaw(cfg, opened.state); !flaw.empty())
    throw failure{exit_code::refused, flaw};
  for (auto& x : opened.state.log) {
    auto* bytes = std::get_if<raft::payload>(&x.body);
    if (of_group && bytes && !raft::decode_head(**bytes))
      throw failure{exit_code::refused,
                    "entry " + number(x.index.value)
                        + " is none of a group, though its checksum holds"};
  }
}

void show_log(const disk::opened_store& opened, bool begun) {
  auto& state = opened.state;
  line("term", number(state.hard.term.value));
  line("vote", state.hard.vote ? number(state.hard.vote.value) : "none");
  line("commit", number(state.hard.commit.value));
  std::string log = "empty";
  if (!state.log.empty())
    log = number(state.snapshot.index.value + 1) + " to "
          + number(state.log.back().index.value);
  if (!opened.tail.empty())
    log += "; " + number(opened.tail.size()) + " more kept below the snapshot";
  line("log", log);
  line("files", number(opened.report.segments) + " in use, "
                    + number(opened.report.bytes) + " bytes");
  if (opened.report.segments == 0 && begun)
    line("", "no file of a log, though it was begun: without it this one could "
             "vote twice; restore the files, or let it join anew with an empty "
             "directory");
  if (opened.report.cut_bytes != 0)
    line("torn", number(opened.report.cut_bytes) + " bytes at "
                     + opened.report.cut_at
                     + ", never acknowledged: a start cuts them off");
}

void inspect(const wishes& what) {
  auto& files = disk::posix_file_system();
  if (files.open(what.directory + "/identity", disk::open_mode::read).error
      != 0)
    throw failure{exit_code::refused, what.directory + " is no data directory",
                  "name that of a node or of a member of a group"};
  auto user = user_of(what.directory);
  if (user && what.verify)
    throw failure{exit_code::refused, *user + " uses " + what.directory,
                  "stop it first, or look without --verify: what is being "
                  "written cannot be checked"};
  // Opened as a start would, without a change to the directory.
  disk::overlay_file_system copy{files};
  auto lock = disk::directory_lock::acquire(copy, what.directory);
  if (!lock)
    refuse(lock.error());
  auto who = disk::identity_file{*lock}.load();
  if (!who)
    refuse(who.error());
  bool of_group = (*who)->founding.starts_with("group");
  show_identity(**who, of_group);
  if (user)
    line("in use", "by " + *user
                       + ": what it writes meanwhile may look torn, or be "
                         "missed");
  disk::store_settings settings;
  settings.cluster = (*who)->cluster;
  settings.node = (*who)->node;
  settings.self = (*who)->self;
  settings.reserve_bytes = 0;
  settings.background = false;
  auto opened = disk::raft_store::open(*lock, settings);
  if (!opened)
    refuse(opened.error());
  show_log(*opened, (*who)->has_log);
  auto& state = opened->state;
  show_snapshot(*opened->store, of_group, what.verify);
  auto skip =
      state.log.size() - std::min<std::size_t>(state.log.size(), what.entries);
  for (auto i = skip; i < state.log.size(); ++i)
    line("entry", to_text(state.log[i], of_group));
  if (!what.verify)
    return;
  verify(*opened, (*who)->node, of_group);
  line("verified", "all checksums hold, and a start would go well");
}

} // namespace

void add_raft_commands(CLI::App& app) {
  auto* raft = add_command(app, "raft", "Looks at raft's files, without a node",
                           "troupectl raft inspect data --verify");
  raft->require_subcommand(1);
  auto* one = add_command(*raft, "inspect",
                          "Shows a data directory as a start would find it",
                          "troupectl raft inspect data --verify --entries 10");
  auto what = std::make_shared<wishes>();
  one->add_option("DIR", what->directory, "a data directory")->required();
  one->add_flag("--verify", what->verify,
                "Check everything that has a checksum or a rule");
  one->add_option("--entries", what->entries, "Show so many of the newest");
  one->footer(
      "Exit codes: 0 sound, 1 damaged, in use or no data directory (it names\n"
      "the file, the byte and what to do), 2 wrong usage. Nothing is "
      "changed.\n\n"
      "Example:\n  troupectl raft inspect data --verify --entries 10");
  one->callback([what] { inspect(*what); });
}

} // namespace troupe::ctl
