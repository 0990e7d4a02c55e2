#include <raft_script/script_runner.hpp>

#include <iostream>

// Reads a script from standard input and prints the members' states after each
// of its directives.
int main() {
  troupe::raft::script::script_runner runner;
  runner.run_all(std::cin, std::cout);
}
