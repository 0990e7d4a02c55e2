#include <troupe/runtime/http/json_body.hpp>

#include <nlohmann/json.hpp>

#include <cctype>

namespace troupe::http {

namespace {

using nlohmann::json;

/// Says whether a text is JSON, and where it is not; keeps nothing of it.
struct json_checker : nlohmann::json_sax<json> {
  int depth = 0;
  bool too_deep = false;
  std::string error;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& ex) override {
    error = ex.what(); // "[json.exception.parse_error.101] parse error at ..."
    if (auto at = error.find("] "); at != error.npos)
      error.erase(0, at + 2);
    return false;
  }

  bool enter() {
    too_deep = ++depth > json_depth_max;
    return !too_deep;
  }

  bool leave() {
    --depth;
    return true;
  }
};

/// Walks over a text that is known to be valid JSON.
class walker {
public:
  explicit walker(std::string_view text) : text_(text) {}

  void skip_space() {
    while (at_ < text_.size()
           && std::isspace(static_cast<unsigned char>(text_[at_])))
      ++at_;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void step() { ++at_; }

  std::string_view value() {
    auto from = at_;
    int depth = 0;
    do {
      switch (peek()) {
      case '"':
        skip_string();
        break;
      case '{':
      case '[':
        ++depth;
        ++at_;
        break;
      case '}':
      case ']':
        --depth;
        ++at_;
        break;
      default:
        depth == 0 ? skip_word() : step();
      }
    } while (depth > 0 && at_ < text_.size());
    return text_.substr(from, at_ - from);
  }

private:
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\')
        ++at_;
    ++at_;
  }

  void skip_word() {
    auto end = text_.find_first_of(",}] \t\r\n", at_);
    at_ = end == text_.npos ? text_.size() : end;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

} // namespace

result<json_members> split_json_object(std::string_view body) {
  json_checker checker;
  if (!json::sax_parse(body.begin(), body.end(), &checker)) {
    if (checker.too_deep)
      return api_error{api_errc::malformed,
                       "the body nests deeper than "
                           + std::to_string(json_depth_max) + " levels",
                       "send a flatter message"};
    return api_error{api_errc::invalid_json,
                     "the body is not JSON: " + checker.error};
  }
  walker in(body);
  in.skip_space();
  if (in.peek() != '{')
    return api_error{api_errc::malformed, "the body is not a JSON object",
                     "wrap it in { and }"};
  in.step();
  json_members out;
  for (in.skip_space(); in.peek() == '"'; in.skip_space()) {
    auto name = json::parse(in.value()).get<std::string>();
    in.skip_space();
    in.step(); // the colon
    in.skip_space();
    auto value = in.value();
    if (!out.emplace(name, value).second)
      return api_error{api_errc::malformed,
                       "the body has two members \"" + name + '"',
                       "give each member once"};
    in.skip_space();
    if (in.peek() == ',')
      in.step();
  }
  return out;
}

result<std::string> json_string(const json_members& members, const char* name) {
  auto i = members.find(name);
  if (i == members.end())
    return api_error{api_errc::malformed,
                     "the body has no \"" + std::string(name) + '"', "add it"};
  if (i->second.size() < 3 || i->second[0] != '"')
    return api_error{api_errc::malformed,
                     '"' + std::string(name)
                         + "\" is not a string, or is empty",
                     "give it a value in quotes"};
  return json::parse(i->second).get<std::string>();
}

} // namespace troupe::http
