#include <test/catch.hpp>

#include <troupe/runtime/http/json_body.hpp>
#include <troupe/runtime/http/uri.hpp>

using namespace troupe::http;

TEST_CASE("uri: paths and queries are decoded after they are split",
          "[unit][http]") {
  auto x = parse_uri("/a/b%2Fc/%C3%A9?k=v%26&empty=&bare&p=a+b=c");
  REQUIRE(x);
  CHECK(x->path == std::vector<std::string>{"a", "b/c", "\xc3\xa9"});
  CHECK(x->query
        == std::map<std::string, std::string>{
            {"k", "v&"}, {"empty", ""}, {"bare", ""}, {"p", "a+b=c"}});
  CHECK(parse_uri("/")->path.empty());
  CHECK(parse_uri("/?")->query.empty());
  CHECK(parse_uri("/a/")->path == std::vector<std::string>{"a", ""});
}

TEST_CASE("uri: what is no target is refused", "[unit][http]") {
  for (auto text : {"", "*", "http://host/", "a/b"})
    CHECK(parse_uri(text).error().code == api_errc::malformed);
  CHECK(parse_uri("/%").error().code == api_errc::bad_percent_encoding);
  CHECK(parse_uri("/?a=1&a=1").error().code == api_errc::duplicate_parameter);
}

TEST_CASE("uri: every byte survives encoding", "[unit][http]") {
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  auto text = percent_encode(all);
  CHECK(text.find_first_of("/?&=+ #") == text.npos);
  CHECK(*percent_decode(text) == all);
}

TEST_CASE("json body: an object is split into its members as written",
          "[unit][http]") {
  std::string body = R"( { "a" : {"x":[1,{"y":"}]"}]} , "b\n":-1.50e3,)"
                     R"("c":"q\"\\" ,"d":[ ] , "e":true} )";
  auto x = split_json_object(body);
  REQUIRE(x);
  CHECK(*x
        == json_members{{"a", R"({"x":[1,{"y":"}]"}]})"},
                        {"b\n", "-1.50e3"},
                        {"c", R"("q\"\\")"},
                        {"d", "[ ]"},
                        {"e", "true"}});
  CHECK(split_json_object("{}")->empty());
  CHECK(*json_string(*x, "c") == "q\"\\");
  CHECK_FALSE(json_string(*x, "d"));
  CHECK_FALSE(json_string(*x, "none"));
}

TEST_CASE("json body: nesting is bounded", "[unit][http]") {
  auto nested = [](std::size_t depth) {
    return R"({"a":)" + std::string(depth - 1, '[')
           + std::string(depth - 1, ']') + "}";
  };
  CHECK(split_json_object(nested(json_depth_max)));
  auto x = split_json_object(nested(json_depth_max + 1));
  REQUIRE_FALSE(x);
  CHECK(x.error().code == api_errc::malformed);
}

TEST_CASE("json body: an error names the place", "[unit][http]") {
  auto x = split_json_object(R"({"a": nope})");
  REQUIRE_FALSE(x);
  CHECK(x.error().code == api_errc::invalid_json);
  CHECK(x.error().detail.find("column 8") != std::string::npos);
}
