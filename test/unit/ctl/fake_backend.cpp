// The same cluster as behind the tests of the server.
#include <test/unit/http/fake_backend.cpp>
