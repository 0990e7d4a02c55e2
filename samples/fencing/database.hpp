#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>

#include <libpq-fe.h>

/// The right to write: epochs grow from owner to owner of a partition.
struct ownership {
  std::uint32_t partition = 0;
  std::uint64_t epoch = 0;
};

/// What became of a statement.
enum class outcome {
  done,
  fenced,  // a later owner was here: nothing is written
  failed,  // the database refused: nothing is written
  unknown, // the connection broke: it may be written or not
};

struct written {
  outcome what = outcome::done;
  std::string why; // if not done
};

struct claimed : written {
  std::map<std::string, std::int64_t> balances; // by account
};

/// The accounts in PostgreSQL, where only a partition's last owner can write.
///
/// A lease cannot see to that. An owner looks at its lease, finds that it
/// holds, and writes; between the two its process can be stopped for any time:
/// by SIGSTOP, a debugger, swapping, a virtual machine that moves. No check on
/// the owner's side is late enough. When it goes on, its write is on the way,
/// and the lease has long been somebody else's. So the database compares:
///
///   claim  raises the partition's fence to the owner's epoch, then reads.
///   write  locks the fence's row, and finds it only if it is still of that
///          epoch; check and write are one statement.
///
/// A write of an earlier owner is thus either done before the claim, which
/// waits for the row's lock, and so is seen by its reading; or never.
///
/// Errors:  `outcome`, with a sentence. The next call connects again.
/// Threads: one. Calls block; none for longer than about ten seconds.
class database {
public:
  /// @param where   libpq's connection string, empty: its environment.
  /// @param owner   written beside the epoch.
  /// @param fencing false: every write is done, to see what comes of that.
  database(std::string where, std::string owner, bool fencing);

  /// The first thing an owner does; may be repeated.
  claimed claim(ownership who);

  written write(ownership who, const std::string& account,
                std::int64_t balance);

private:
  struct result {
    outcome what = outcome::done;
    std::string why;
    std::unique_ptr<PGresult, decltype(&PQclear)> rows{nullptr, PQclear};
  };

  bool connect(std::string& why);
  result run(const char* sql, std::initializer_list<std::string> values);
  std::string last_owner(ownership who);

  std::string where_;
  std::string owner_;
  bool fencing_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, PQfinish};
};
