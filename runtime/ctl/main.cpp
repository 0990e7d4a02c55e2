#include <troupe/runtime/ctl/commands.hpp>

#include <troupe/runtime/ctl/failure.hpp>
#include <troupe/runtime/ctl/raft_inspect.hpp>
#include <troupe/runtime/ctl/table.hpp>

#include <cstdio>
#include <exception>

namespace troupe::ctl {

CLI::App* add_command(CLI::App& app, const std::string& name,
                      const std::string& what, const std::string& example) {
  auto* out = app.add_subcommand(name, what);
  out->footer("Every command takes --addr, --json and --timeout, see "
              "troupectl --help.\n\nExample:\n  "
              + example);
  return out;
}

namespace {

constexpr const char* exit_codes =
    "Exit codes:\n"
    "  0  done\n"
    "  1  refused, or failed, by the cluster\n"
    "  2  wrong usage\n"
    "  3  the node cannot be reached\n"
    "  4  not done in time; it may still happen\n\n"
    "Example:\n"
    "  troupectl --addr 127.0.0.1:8102 partitions counter";

void add_options(CLI::App& app, session& with) {
  app.add_option("--addr", with.addr, "HOST:PORT of any node's HTTP interface")
      ->envname("TROUPE_ADDR")
      ->capture_default_str();
  app.add_flag("--json", with.as_json,
               "Print the node's JSON, one line for each record");
  app.add_option("--timeout", with.timeout,
                 "Seconds for a request (10 if not given), or for what --wait "
                 "waits for (120)")
      ->check(CLI::Range(0.001, 86'400.0));
  app.set_version_flag("--version", "troupectl " TROUPE_VERSION);
  app.require_subcommand(1);
  app.fallthrough(); // the options may stand behind the command too
  app.footer(exit_codes);
}

int report(const failure& x, bool as_json) {
  if (as_json && !x.json.empty()) {
    std::fputs(x.json.c_str(), stderr);
    if (x.json.back() != '\n')
      std::fputc('\n', stderr);
    return static_cast<int>(x.code);
  }
  std::fprintf(stderr, "troupectl: %s\n", printable(x.what).c_str());
  if (!x.hint.empty())
    std::fprintf(stderr, "  hint: %s\n", printable(x.hint).c_str());
  return static_cast<int>(x.code);
}

/// The first word that is neither an option of `app` nor the value of one.
std::string first_word(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--addr" || word == "--timeout")
      ++i;
    else if (word[0] != '-')
      return word;
  }
  return {};
}

int run(int argc, char** argv) {
  session with;
  CLI::App app("Looks at a troupe cluster, and gives it commands.",
               "troupectl");
  add_options(app, with);
  add_queries(app, with);
  add_messages(app, with);
  add_cluster_commands(app, with);
  add_raft_commands(app);
  add_region_commands(app, with);
  if (argc < 2) {
    std::fputs(app.help().c_str(), stderr);
    return static_cast<int>(exit_code::usage);
  }
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& ex) {
    auto word = first_word(argc, argv);
    auto known =
        app.get_subcommands([&](CLI::App* x) { return x->get_name() == word; });
    if (!word.empty() && known.empty())
      return report({exit_code::usage, "there is no command '" + word + "'",
                     "troupectl --help lists them"},
                    false);
    return app.exit(ex) == 0 ? 0 : static_cast<int>(exit_code::usage);
  } catch (const failure& ex) {
    return report(ex, with.as_json);
  } catch (const std::exception& ex) {
    return report({exit_code::refused, ex.what()}, false);
  }
}

} // namespace
} // namespace troupe::ctl

int main(int argc, char** argv) {
  return troupe::ctl::run(argc, argv);
}
