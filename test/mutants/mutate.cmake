# cmake -P mutate.cmake MUTATION: writes the copy that a mutation describes.
# cmake -P mutate.cmake --check LIST: whether each of those listed can be.
function(read_mutated mutation)
  include(${mutation})
  file(READ ${source} text)
  string(FIND "${text}" "${from}" first)
  string(FIND "${text}" "${from}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(SEND_ERROR
      "mutant ${name}: ${source} must hold this once:\n${from}\n"
      "The file has changed: adapt the mutant in test/mutants.")
    return()
  endif()
  string(REPLACE "${from}" "${to}" text "${text}")
  set(mutated ${mutated} PARENT_SCOPE)
  set(text "${text}" PARENT_SCOPE)
endfunction()

if(CMAKE_ARGV3 STREQUAL "--check")
  file(STRINGS ${CMAKE_ARGV4} mutations)
  foreach(mutation ${mutations})
    read_mutated(${mutation})
  endforeach()
else()
  read_mutated(${CMAKE_ARGV3})
  if(DEFINED text)
    file(WRITE ${mutated} "${text}")
  endif()
endif()
