# The installed package: find_package(longwave) gives the target longwave::longwave.
include(CMakePackageConfigHelpers)
install(TARGETS longwave EXPORT longwave LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(part core kernels autograd layers optim data apps)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${part} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/longwave
          FILES_MATCHING PATTERN "*.h" PATTERN "custom_layer" EXCLUDE)
endforeach()
install(EXPORT longwave NAMESPACE longwave:: FILE longwave-targets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/longwave)
file(WRITE ${PROJECT_BINARY_DIR}/longwave-config.cmake "include(\${CMAKE_CURRENT_LIST_DIR}/longwave-targets.cmake)\n")
write_basic_package_version_file(${PROJECT_BINARY_DIR}/longwave-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/longwave-config.cmake ${PROJECT_BINARY_DIR}/longwave-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/longwave)
