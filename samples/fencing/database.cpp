#include "database.hpp"

#include <cstdlib>
#include <vector>

namespace {

// An owner that comes back with its own epoch is welcome.
constexpr auto raise_fence = R"(
  INSERT INTO fence (partition, epoch, owner)
  VALUES ($1::integer, $2::bigint, $3)
  ON CONFLICT (partition) DO UPDATE
    SET epoch = excluded.epoch, owner = excluded.owner
    WHERE fence.epoch <= excluded.epoch)";

constexpr auto read_balances = R"(
  SELECT name, balance FROM account WHERE partition = $1::integer)";

// FOR SHARE waits for a claim that is being committed, and then looks at the
// row as that left it; a plain SELECT would trust an older snapshot. Equal, not
// "no later than": who did not claim has read nothing that it could write.
constexpr auto write_fenced = R"(
  WITH mine AS (
    SELECT partition FROM fence
    WHERE partition = $1::integer AND epoch = $2::bigint FOR SHARE)
  INSERT INTO account (name, partition, balance)
  SELECT $3, partition, $4::bigint FROM mine
  ON CONFLICT (name) DO UPDATE SET balance = excluded.balance
    WHERE account.partition = excluded.partition)";

constexpr auto write_unfenced = R"(
  INSERT INTO account (name, partition, balance)
  VALUES ($2, $1::integer, $3::bigint)
  ON CONFLICT (name) DO UPDATE SET balance = excluded.balance
    WHERE account.partition = excluded.partition)";

constexpr auto read_fence = R"(
  SELECT epoch, owner FROM fence WHERE partition = $1::integer)";

std::string one_line(const char* text) {
  std::string out{text};
  return out.substr(0, out.find('\n'));
}

bool touched(PGresult* rows) {
  return std::string_view{PQcmdTuples(rows)} != "0";
}

} // namespace

database::database(std::string where, std::string owner, bool fencing)
    : where_(std::move(where)), owner_(std::move(owner)), fencing_(fencing) {
}

// What `where` says comes last and wins.
bool database::connect(std::string& why) {
  const char* names[] = {"connect_timeout",
                         "tcp_user_timeout",
                         "keepalives_idle",
                         "options",
                         "application_name",
                         "dbname",
                         nullptr};
  const char* values[] = {
      "5",       "10000",        "5",    "-c statement_timeout=5s",
      "fencing", where_.c_str(), nullptr};
  connection_.reset(PQconnectdbParams(names, values, 1));
  if (PQstatus(connection_.get()) == CONNECTION_OK)
    return true;
  why = one_line(PQerrorMessage(connection_.get()));
  connection_.reset();
  return false;
}

database::result database::run(const char* sql,
                               std::initializer_list<std::string> values) {
  result out;
  if (!connection_ && !connect(out.why)) {
    out.what = outcome::failed;
    return out;
  }
  std::vector<const char*> texts;
  for (auto& value : values)
    texts.push_back(value.c_str());
  auto* db = connection_.get();
  out.rows.reset(PQexecParams(db, sql, static_cast<int>(texts.size()), nullptr,
                              texts.data(), nullptr, nullptr, 0));
  auto status = PQresultStatus(out.rows.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
    return out;
  out.why = one_line(PQerrorMessage(db));
  out.what = outcome::failed;
  if (PQstatus(db) != CONNECTION_OK) {
    out.what = outcome::unknown;
    connection_.reset();
  }
  return out;
}

claimed database::claim(ownership who) {
  claimed out;
  auto partition = std::to_string(who.partition);
  if (fencing_) {
    auto raised =
        run(raise_fence, {partition, std::to_string(who.epoch), owner_});
    if (raised.what != outcome::done)
      return {{raised.what, raised.why}, {}};
    if (!touched(raised.rows.get()))
      return {{outcome::fenced, last_owner(who)}, {}};
  }
  auto found = run(read_balances, {partition});
  if (found.what != outcome::done)
    return {{found.what, found.why}, {}};
  auto* rows = found.rows.get();
  for (int i = 0; i < PQntuples(rows); ++i)
    out.balances[PQgetvalue(rows, i, 0)] =
        std::strtoll(PQgetvalue(rows, i, 1), nullptr, 10);
  return out;
}

written database::write(ownership who, const std::string& account,
                        std::int64_t balance) {
  auto partition = std::to_string(who.partition);
  auto amount = std::to_string(balance);
  auto done = fencing_
                  ? run(write_fenced,
                        {partition, std::to_string(who.epoch), account, amount})
                  : run(write_unfenced, {partition, account, amount});
  if (done.what != outcome::done)
    return {done.what, done.why};
  if (!touched(done.rows.get()))
    return {outcome::fenced, last_owner(who)};
  return {};
}

std::string database::last_owner(ownership who) {
  auto found = run(read_fence, {std::to_string(who.partition)});
  if (found.what != outcome::done)
    return found.why;
  auto* rows = found.rows.get();
  auto name = "partition " + std::to_string(who.partition);
  if (PQntuples(rows) == 0)
    return name + " has no fence: its owner did not claim it";
  std::string epoch = PQgetvalue(rows, 0, 0);
  if (epoch == std::to_string(who.epoch))
    return "the account is filed under another partition: give the region the "
           "number of partitions that it had";
  return name + " is at epoch " + epoch + ", of " + PQgetvalue(rows, 0, 1);
}
