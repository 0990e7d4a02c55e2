# cmake -P mutate.cmake MUTATION: writes the copy that a mutation describes.
include(${CMAKE_ARGV3})
file(READ ${source} text)
string(FIND "${text}" "${from}" first)
string(FIND "${text}" "${from}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR
    "mutant ${name}: ${source} must hold this once:\n${from}\n"
    "The file has changed: adapt the mutant in test/mutants.")
endif()
string(REPLACE "${from}" "${to}" text "${text}")
file(WRITE ${mutated} "${text}")
