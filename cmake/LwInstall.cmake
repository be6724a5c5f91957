# The installed package: the program, the library, its headers, and find_package(longwave), which gives the target
# longwave::longwave. Program and library find each other by relative paths, so the prefix may be moved.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/longwave)

file(RELATIVE_PATH bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(longwave_program PROPERTIES INSTALL_RPATH "\$ORIGIN/${bin_to_lib}")
install(TARGETS longwave EXPORT longwave LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS longwave_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Includes read as in the sources: "layers/sequence_layer.h" below include/longwave.
foreach(part core kernels autograd layers optim data apps)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${part} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/longwave
          FILES_MATCHING PATTERN "*.h" PATTERN "custom_layer" EXCLUDE)
endforeach()

install(EXPORT longwave NAMESPACE longwave:: FILE longwave-targets.cmake DESTINATION ${package})
file(WRITE ${PROJECT_BINARY_DIR}/longwave-config.cmake "include(\${CMAKE_CURRENT_LIST_DIR}/longwave-targets.cmake)\n")
write_basic_package_version_file(${PROJECT_BINARY_DIR}/longwave-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/longwave-config.cmake ${PROJECT_BINARY_DIR}/longwave-config-version.cmake
        DESTINATION ${package})
