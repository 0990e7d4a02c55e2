# What `cmake --install` puts down: headers as <troupe/...>, the schemas, the
# static libraries, troupectl, and what find_package(troupe) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/troupe)
set(headers ${CMAKE_INSTALL_INCLUDEDIR}/troupe)
install(TARGETS
  troupe troupe_options troupe_proto
  troupe_raft troupe_map troupe_move troupe_placement troupe_coordinator
  troupe_bootstrap troupe_cluster_link troupe_cluster
  troupe_payload troupe_actors
  troupe_group_core troupe_group
  troupe_metrics troupe_log troupe_link troupe_http troupe_runtime
  troupe_testing
  EXPORT troupe
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT troupe NAMESPACE troupe:: FILE troupeTargets.cmake
  DESTINATION ${package})
install(TARGETS troupectl)
foreach(folder cluster actors runtime)
  install(DIRECTORY ${folder} DESTINATION ${headers}
    FILES_MATCHING PATTERN "*.hpp"
    PATTERN ctl EXCLUDE PATTERN cmake EXCLUDE PATTERN troupe.hpp EXCLUDE
    PATTERN testing.hpp EXCLUDE)
endforeach()
install(FILES runtime/troupe.hpp runtime/testing.hpp DESTINATION ${headers})
install(DIRECTORY proto ${PROJECT_BINARY_DIR}/generated/troupe/proto
  DESTINATION ${headers}
  FILES_MATCHING PATTERN "*.proto" PATTERN "*.pb.h")

configure_package_config_file(runtime/cmake/troupeConfig.cmake.in
  ${PROJECT_BINARY_DIR}/troupeConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/troupeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/troupeConfig.cmake
  ${PROJECT_BINARY_DIR}/troupeConfigVersion.cmake actors/cmake/FindCAF.cmake
  DESTINATION ${package})
