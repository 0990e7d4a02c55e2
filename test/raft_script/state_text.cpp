#include <raft_script/state_text.hpp>

#include <cstdio>

namespace troupe::raft::script {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string text_of(const configuration_change& x) {
  auto out = "cc2:" + std::string{how_text(x.how)} + "(";
  for (auto& one : x.changes) {
    if (&one != &x.changes.front())
      out += " ";
    out += one.op == change_op::add_voter     ? "v"
           : one.op == change_op::add_learner ? "l"
                                              : "r";
    out += std::to_string(one.member.value);
  }
  return out + ")";
}

std::string text_of(const entry& x, const shown_changes& shown) {
  auto out =
      std::to_string(x.index.value) + "/" + std::to_string(x.term.value) + ":";
  if (auto* change = std::get_if<configuration_change>(&x.body)) {
    auto as = shown.find({x.term, x.index});
    return out + (as == shown.end() ? text_of(*change) : as->second);
  }
  auto* command = std::get_if<payload>(&x.body);
  return out + "n:" + quoted(command != nullptr ? **command : "");
}

std::string text_of(const std::vector<member_id>& ids) {
  std::string out = "[";
  for (auto id : ids)
    out += (out.size() > 1 ? "," : "") + std::to_string(id.value);
  return out + "]";
}

} // namespace

std::string_view how_text(transition x) {
  return x == transition::automatic        ? "auto"
         : x == transition::implicit_joint ? "implicit"
                                           : "explicit";
}

std::string state_text(const script_node& node, const shown_changes& shown) {
  auto x = node.core.inspect();
  auto name = "n" + std::to_string(node.cfg.self.value) + " ";
  auto number = [](auto id) { return std::to_string(id.value); };
  auto out = name + "role=" + std::string{to_string(x.role)}
             + " term=" + number(x.hard.term) + " vote=" + number(x.hard.vote)
             + " lead=" + number(x.leader) + " commit=" + number(x.hard.commit)
             + " applied=" + number(x.applied) + " first=" + number(x.first)
             + " last=" + number(x.last) + "\n";
  out += name + "log [";
  for (auto& e : x.log)
    out += (&e == &x.log.front() ? "" : " ") + text_of(e, shown);
  out += "]\n";
  out += name + "conf in=" + text_of(x.conf.voters)
         + " out=" + text_of(x.conf.voters_outgoing) + " learners="
         + text_of(x.conf.learners) + " next=" + text_of(x.conf.learners_next)
         + " auto=" + (x.conf.auto_leave ? "true" : "false") + "\n";
  auto& app = node.app();
  return out + name + "app " + number(app.meta.index) + "/"
         + number(app.meta.term) + " " + quoted(app.content) + "\n";
}

} // namespace troupe::raft::script
